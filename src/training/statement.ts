import type { Charge } from '../privacy/composition.ts';
import { KnownBounds } from '../privacy/known-bounds.ts';
import { epsilonWithError } from '../privacy/noise.ts';
import { noiseEpsilon } from '../privacy/noise-laws.ts';
import { buildStatement, type PrivacyStatement } from '../privacy/statement.ts';
import { atLeast, type ChargedParts } from './charged-parts.ts';
import { recipeBudget } from './full-batch-head.ts';
import { isPrivate, noiseLawOf, searchOf, type Plan, type PrivatePlan } from './plan.ts';
import { heldOutCharges, plannedCharges, searchScoreCharges } from './planned-charges.ts';
import { searchCandidates, searchSlots } from './search-candidates.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';
import type { PublicFacts } from './run-facts.ts';
import { exactSamplerErrorOf, samplerErrorOf, scoreErrorOf } from './sampler-error.ts';
import type { TrainedModel } from './trained-model.ts';

/** Before a run: what it promises by its planned end, and what it does not cover. `before`: what the model that it goes on from was charged. */
export function statementOf(plan: Plan, facts: PublicFacts, before: readonly Charge[] = []): PrivacyStatement {
  if (!isPrivate(plan)) return { isPrivate: false };
  const charges = plannedCharges(plan, facts.trainingUnits, facts.classes);
  const samplerError = exactSamplerErrorOf(plan, [...before, ...charges]);
  return build(plan, facts, {
    before, charges, steps: plan.steps, validationEpsilon: searchOf(plan) ? epsilonOfScores(plan, heldOutCharges(plan)) : plan.validationEpsilon,
    ...(samplerError === null ? {} : { samplerError }),
  });
}

/** How far a run came. */
export interface RunReach {
  readonly stepsDone: number;
  readonly model: TrainedModel;
}

/**
 * After a run: what was charged for it, by the ledger's events. A run that ended early promises more than its plan did; one whose interrupted step was
 * charged twice, less; a score that the held-out part's budget refused is none.
 * Guarantee: never less than what the model's own releases cost, also where the ledger was erased between two sessions of the run.
 * A run that went on from an earlier model promises what both were charged, `before` and its own.
 */
export function statementAtEnd(plan: Plan, facts: PublicFacts, { stepsDone, model }: RunReach, charged: ChargedParts, before: readonly Charge[] = []): PrivacyStatement {
  if (!isPrivate(plan)) return { isPrivate: false };
  const hasReleased = stepsDone > 0 || (!plan.continues && model.kind === 'head' && model.mean !== null);
  const released = hasReleased ? plannedCharges(plan, facts.trainingUnits, facts.classes, stepsDone) : [];
  const charges = atLeast(released, charged.training);
  // What a search chose by has been read as well.
  const heldOut = atLeast(stepsDone > 0 ? searchScoreCharges(plan) : [], charged.heldOut);
  return build(plan, facts, { before, charges, steps: searchOf(plan) && stepsDone > 0 ? plan.steps : stepsDone, validationEpsilon: epsilonOfScores(plan, heldOut), samplerError: samplerErrorOf(plan, model, [...before, ...charges]) });
}

function build(plan: PrivatePlan, facts: PublicFacts, { before, ...cost }: { readonly before: readonly Charge[]; readonly charges: readonly Charge[]; readonly steps: number; readonly validationEpsilon: number | null; readonly samplerError?: number }): PrivacyStatement {
  const search = searchOf(plan);
  return buildStatement({
    ...cost, delta: plan.delta, unit: facts.unit, ...stepFacts(plan, facts), clipNorm: plan.clipNorm, isSecureNoise: true, noiseLaw: noiseLawOf(plan),
    ...(search ? { search: { meanRuns: search.meanRuns, runsMade: searchSlots(search).slots, epsilonOfOne: epsilonOfOne(plan, facts), candidates: searchCandidates.length } } : {}),
    ...(plan.continues ? { continues: { runNumber: plan.continues.runNumber, stepsBefore: plan.continues.stepsBefore, charges: before } } : {}),
  });
}

/** Epsilon that the held-out part's scores come to at the plan's delta, which has the error of their noise and of the number of runs in it; null where there are none. */
export function epsilonOfScores(plan: PrivatePlan, charges: readonly Charge[]): number | null {
  const bounds = new KnownBounds();
  return charges.length === 0 ? null : epsilonWithError((delta) => bounds.epsilonOf(charges, delta), plan.delta, scoreErrorOf(plan, charges));
}

/** Epsilon that one run with the noise of a search's would cost by itself. */
export function epsilonOfOne(plan: PrivatePlan, { trainingUnits, classes }: PublicFacts): number {
  return plan.kind === 'full-batch-head' ? noiseEpsilon(noiseLawOf(plan), recipeBudget(plan, trainingUnits, classes).mu, plan.delta) : plan.epsilon;
}

function stepFacts(plan: PrivatePlan, { trainingUnits, classes }: PublicFacts): { readonly samplingRate: number; readonly noiseMultiplier: number } {
  if (plan.kind === 'full-batch-head') return { samplingRate: 1, noiseMultiplier: recipeBudget(plan, trainingUnits, classes).stepNoiseMultiplier };
  return dpSgdMechanism(plan, trainingUnits);
}
