/** The statement of a run that was made elsewhere, worked out anew from what came with it: its releases, its charges, its plan and its model. */
import { checkInteger } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { roundUp } from '../ground/rounding.ts';
import { mechanismName } from '../privacy/charge-tally.ts';
import { checkMechanism, type Charge } from '../privacy/composition.ts';
import { buildStatement, completedStatement, type PrivacyStatement } from '../privacy/statement.ts';
import { atLeast, type ChargedParts } from './charged-parts.ts';
import { isPrivate, noiseLawOf, searchOf, type Plan } from './plan.ts';
import { plannedCharges } from './planned-charges.ts';
import type { RunFacts } from './run-facts.ts';
import { samplerErrorOf } from './sampler-error.ts';
import { searchCandidates, searchSlots } from './search-candidates.ts';
import { epsilonOfOne, epsilonOfScores } from './statement.ts';
import type { TrainedModel } from './trained-model.ts';

/** What is told of a run. None of it has been checked beyond its shape. */
export interface ToldRun {
  readonly number: number;
  readonly plan: Plan;
  readonly stepsDone: number;
  /** Absent where an older version made it. */
  readonly facts?: RunFacts;
  readonly statement: PrivacyStatement;
  /** Of the score that may leave; null where there is none. */
  readonly scoreEpsilon: number | null;
  /** By the ledger that came along. */
  readonly charged: ChargedParts;
  /** What the model that it went on from was charged. */
  readonly inherited: readonly Charge[];
  readonly model: TrainedModel | null;
}

type Private = Extract<PrivacyStatement, { isPrivate: true }>;

/** Another version's accountant may differ in its last digits: then the larger epsilon is taken. A promise that is smaller by more than this contradicts itself. */
const LARGEST_SHORTFALL = 0.01;
/** More kinds of releases than any chain of runs has: each kind of sample takes a grid of its own. */
const LARGEST_KINDS = 12;

function promiseTooSmall(run: number, told: number, named: number, delta: number): BedsideError {
  const values = { run, found: roundUp(told, 4), expected: roundUp(named, 4), delta };
  return new BedsideError('project/promise-too-small', 'input', `The file says that run ${run} promises epsilon ${values.found}; by the releases that the file itself names it promises epsilon ${values.expected} at delta ${delta}. Nothing was opened.`, 'The file was changed or damaged after it was saved: save it again where it comes from, and compare the statement of this run there.', values);
}

/** `expected`: what the run's plan and charges protect. */
export function otherUnit(run: number, found: string, expected: string): BedsideError {
  return new BedsideError('project/promise-of-another-unit', 'input', `The file says that the promise of run ${run} protects a ${found === 'person' ? 'person' : 'row'}; by the rest of the file it protects a ${expected}. Nothing was opened.`, 'The file was changed or damaged after it was saved: save it again where it comes from.', { run, found, expected });
}

function unsound(run: number, what: string): BedsideError {
  return new BedsideError('project/promise-unsound', 'input', `What run ${run} of this file promises cannot be worked out: ${what} Nothing was opened.`, 'The file was changed or damaged after it was saved, or a newer version of Bedside made it.', { run, what });
}

/** A list of charges from a file as it stands. @throws `project/promise-unsound` where it is none */
export function checkCharges(run: number, charges: readonly Charge[]): readonly Charge[] {
  const isList = Array.isArray(charges) && charges.every((charge: unknown) => typeof charge === 'object' && charge !== null && 'mechanism' in charge && typeof charge.mechanism === 'object' && charge.mechanism !== null);
  if (!isList) throw unsound(run, 'Its releases are no list of mechanisms.');
  const kinds = new Set(charges.map(({ mechanism, count }) => {
    checkMechanism(mechanism);
    checkInteger('number of releases', count);
    return mechanismName(mechanism);
  }));
  if (kinds.size > LARGEST_KINDS) throw unsound(run, `It names ${kinds.size} kinds of releases where ${LARGEST_KINDS} are the most.`);
  return charges;
}

/** Charges of a list that are not in another: of each mechanism as often as it is there more. */
function without(charges: readonly Charge[], others: readonly Charge[]): Charge[] {
  const before = new Map(atLeast([], others).map(({ mechanism, count }) => [mechanismName(mechanism), count]));
  return atLeast([], charges).flatMap(({ mechanism, count }) => {
    const left = count - (before.get(mechanismName(mechanism)) ?? 0);
    return left > 0 ? [{ mechanism, count: left }] : [];
  });
}

/** All that the run names of its releases: its statement's list, and at least what was charged. Where there is neither, what its plan charges. */
function namedCharges({ number, plan, stepsDone, facts, charged, inherited }: ToldRun, { releases = [] }: Private): readonly Charge[] {
  const paid = [...checkCharges(number, inherited), ...checkCharges(number, charged.training)];
  const named = atLeast(checkCharges(number, releases), paid);
  return named.length > 0 || !facts || stepsDone === 0 ? named : plannedCharges(plan, facts.trainingUnits, facts.labels.length, stepsDone);
}

/** The error of the noise, from the model and what was told of it, whichever is more; undefined where neither is known. */
function samplerErrorFrom({ plan, model }: ToldRun, { epsilon, samplerDelta }: Private, charges: readonly Charge[]): number | undefined {
  const told = typeof samplerDelta === 'number' && samplerDelta >= 0 && Number.isFinite(epsilon) ? samplerDelta / (1 + Math.exp(epsilon)) : undefined;
  if (!model || !isPrivate(plan)) return told;
  return Math.max(told ?? 0, samplerErrorOf(plan, model, charges));
}

/** A number above 0 as it is told; 0 for anything else. */
const positive = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

function rebuilt(run: ToldRun, told: Private): PrivacyStatement {
  const { number, plan, facts, charged, inherited, scoreEpsilon } = run;
  if (!isPrivate(plan)) throw promiseTooSmall(number, told.epsilon, Infinity, told.delta);
  if (typeof told.epsilon !== 'number' || Number.isNaN(told.epsilon)) throw unsound(number, 'Its epsilon is no number.');
  if (!(told.delta < 1)) throw unsound(number, 'Its delta is no number below 1.');
  if (told.unit !== plan.unit) throw otherUnit(number, String(told.unit), plan.unit);
  const named = namedCharges(run, told);
  const samplerError = samplerErrorFrom(run, told, named);
  const search = searchOf(plan);
  const score = Math.max(positive(told.validation?.epsilon), positive(scoreEpsilon), positive(epsilonOfScores(plan, checkCharges(number, charged.heldOut))));
  const { continues } = plan;
  const before = continues ? inherited : [];
  // Runs state their promise at their plan's delta: at a larger one, that a file may name, each would look smaller.
  const delta = Math.min(told.delta, plan.delta);
  const worked = buildStatement({
    charges: without(named, before), steps: told.steps - (continues?.stepsBefore ?? 0), delta, unit: plan.unit,
    samplingRate: told.samplingRate, noiseMultiplier: told.noiseMultiplier, clipNorm: told.clipNorm, isSecureNoise: told.isSecureNoise === true, noiseLaw: noiseLawOf(plan),
    validationEpsilon: score > 0 ? score : null,
    ...(samplerError === undefined ? {} : { samplerError }),
    ...(search ? { search: { meanRuns: search.meanRuns, runsMade: searchSlots(search).slots, epsilonOfOne: facts ? epsilonOfOne(plan, { unit: plan.unit, trainingUnits: facts.trainingUnits, classes: facts.labels.length }) : plan.epsilon, candidates: searchCandidates.length } } : {}),
    ...(continues ? { continues: { runNumber: continues.runNumber, stepsBefore: continues.stepsBefore, charges: before } } : {}),
  });
  if (!worked.isPrivate) return worked;
  if (told.epsilon < worked.epsilon * (1 - LARGEST_SHORTFALL)) throw promiseTooSmall(number, told.epsilon, worked.epsilon, delta);
  if (told.epsilon <= worked.epsilon) return worked;
  // Where more is told than the releases come to, some of them may be missing from the list.
  return completedStatement({ ...worked, epsilon: told.epsilon, epsilonReplaceOne: Math.max(worked.epsilonReplaceOne, told.epsilon, positive(told.epsilonReplaceOne)), mu: null });
}

/**
 * What a run that came with a file promises, by the statement code of runs that are made here: epsilon at the delta that is told, unit, adjacency and all that follows
 * from the releases that the file names, its ledger's charges among them.
 * Guarantee: never less than what these come to, and never less than what is told. That they are all that were made is the word of whoever saved the file, and stays theirs.
 * @throws `project/promise-too-small` where less is told than they come to, `project/promise-of-another-unit` where it is told of another unit than the plan's,
 * `project/promise-unsound` where no promise can be worked out, `privacy/noise-law` where the plan names no law.
 */
export function toldStatement(run: ToldRun): PrivacyStatement {
  const { plan, statement } = run;
  if (isPrivate(plan)) noiseLawOf(plan);
  if (!statement.isPrivate) return { isPrivate: false };
  try {
    return rebuilt(run, statement);
  } catch (error) {
    if (error instanceof BedsideError && !error.code.startsWith('project/')) throw unsound(run.number, error.message);
    throw error;
  }
}
