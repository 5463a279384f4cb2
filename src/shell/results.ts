import type { Dataset } from '../data/table.ts';
import type { ChargedParts } from '../training/charged-parts.ts';
import { evaluateHeldOut } from '../training/evaluate.ts';
import type { SessionOutcome } from '../training/session-input.ts';
import { statementAtEnd } from '../training/statement.ts';
import type { RunResults } from './bedside.service.ts';
import { summaryOfRun } from './project-summary.ts';
import type { RunRecord } from './records.ts';
import type { RunData } from './run-data.ts';

/**
 * Everything the Results page shows, computed in the guard: exact scores of held-out rows, for the owner's eyes, and what was charged.
 * `charged` is what the ledger holds of the run: epsilon is read from there, never from the plan.
 */
export function resultsOf(run: RunRecord, dataset: Dataset, data: RunData, outcome: SessionOutcome, charged: ChargedParts): RunResults {
  const { labels } = dataset;
  const { plan, energyWh, carbonGrams } = run;
  const { classification, calibration, temperature, groups } = evaluateHeldOut(outcome.heldOutLogits.value, data.heldOutNotes, labels, dataset.groupColumns, plan.seed).value;
  const statement = statementAtEnd(plan, { unit: plan.unit, trainingUnits: data.training.length, classes: labels.length }, outcome, charged, run.inherited);
  const released = outcome.releasedAccuracy?.value ?? null;
  return {
    run: summaryOfRun({ ...run, accuracy: classification.accuracy, macroF1: classification.macroF1, epsilonRun: statement.isPrivate ? (statement.continues?.epsilonAlone ?? statement.epsilon) : null, ...(statement.isPrivate && statement.continues ? { epsilonModel: statement.epsilon } : {}) }),
    labels,
    classification,
    calibration,
    temperature,
    groups,
    // A run that was resumed at its end was charged for more than the one score that it kept.
    releasedAccuracy: released && { ...released, epsilon: statement.isPrivate && statement.validation ? statement.validation.epsilon : released.epsilon },
    statement,
    energyWh,
    carbonGrams,
  };
}
