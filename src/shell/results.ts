import type { Dataset } from '../data/table.ts';
import { groupReports } from '../fairness/group-reports.ts';
import { calibrationReport } from '../metrics/calibration-report.ts';
import { classificationReport } from '../metrics/classification-report.ts';
import { fitTemperature } from '../metrics/temperature.ts';
import type { Charge } from '../privacy/composition.ts';
import { largestIndex } from '../training/held-out-score.ts';
import { probabilitiesOf } from '../training/predict.ts';
import type { SessionOutcome } from '../training/session-input.ts';
import { statementOf } from '../training/statement.ts';
import type { RunResults } from './bedside.service.ts';
import { summaryOfRun } from './project-summary.ts';
import type { RunRecord } from './records.ts';
import type { RunData } from './run-data.ts';

/**
 * Everything the Results page shows, computed in the guard: exact scores of held-out rows, for the owner's eyes, and what was charged.
 * `charged` is what the ledger holds of the run.
 */
export function resultsOf(run: RunRecord, dataset: Dataset, data: RunData, outcome: SessionOutcome, charged: readonly Charge[]): RunResults {
  const { labels } = dataset;
  const { plan, energyWh, carbonGrams } = run;
  const logits = outcome.heldOutLogits.value;
  const actual = data.heldOutNotes.map((note) => labels.indexOf(note.label));
  const predicted = actual.map((_, row) => largestIndex(logits, row, labels.length));
  const temperature = actual.length > 0 ? fitTemperature(logits, actual, labels.length) : 1;
  const classification = classificationReport(actual, predicted, labels, plan.seed);
  const columns = dataset.groupColumns.map((column) => ({ column, values: data.heldOutNotes.map((note) => note.groups[column] ?? '') }));
  const groups = groupReports(actual, predicted, labels, columns);
  return {
    run: summaryOfRun({ ...run, accuracy: classification.accuracy, macroF1: classification.macroF1 }),
    labels,
    classification,
    calibration: calibrationReport(probabilitiesOf(logits, labels.length, temperature).flat(), actual),
    temperature,
    groups,
    releasedAccuracy: outcome.releasedAccuracy?.value ?? null,
    statement: statementOf(plan, { unit: plan.unit, trainingUnits: data.training.length, classes: labels.length }, charged),
    energyWh,
    carbonGrams,
  };
}
