/** How much an audit of adapters does. A training of theirs goes through the whole encoder at every step, so it attacks fewer notes by fewer trainings than one of heads. */
import type { DpSgdPlan, PlainLoraPlan } from '../plan.ts';
import { dpSgdMechanism } from '../run-dp-sgd.ts';
import { plantedTokens } from './planted-notes.ts';

export interface AdapterAuditSize {
  /** Units attacked; more are left out by lot. */
  readonly units: number;
  /** Pairs of trainings for membership, 2 at least. */
  readonly pairs: number;
  readonly canaryRuns: number;
  /** Planted notes of one training, half of them in. */
  readonly canaries: number;
  /** Units that train beside planted notes. */
  readonly unitsBeside: number;
}

/** Counts that are public, and the number of parameters that are trained. */
export interface AdapterAuditCounts {
  readonly units: number;
  readonly rows: number;
  readonly meanTokens: number;
  readonly parameters: number;
}

const leastUnits = 100;
const mostUnits = 1500;
/** Gradients of rows that one training for membership may take. */
const gradientsATraining = 8000;
/** Few, so that planted notes cost most of a training's time: the mechanism is the same whoever is beside them. */
const unitsBeside = 8;
const mostCanaries = 128;
/** Numbers of all planted notes' gradients together, in float32: 100 MB. */
const gradientNumbers = 24e6;

/** By public counts alone. */
export function adapterAuditSize(plan: DpSgdPlan, twin: PlainLoraPlan, { units, rows, parameters }: AdapterAuditCounts): AdapterAuditSize {
  const passes = Math.max(plan.steps * Math.min(1, plan.expectedBatchSize / units), twin.epochs);
  const affordable = Math.floor((2 * gradientsATraining) / (passes * Math.max(1, rows / units)));
  return {
    units: Math.min(units, Math.max(leastUnits, Math.min(mostUnits, affordable))),
    pairs: 2,
    canaryRuns: 4,
    canaries: Math.max(16, Math.min(mostCanaries, 2 * Math.floor(gradientNumbers / parameters / 2))),
    unitsBeside: Math.min(units, unitsBeside),
  };
}

/**
 * The plan for another number of units at the run's own sampling rate: then its noise multiplier is the run's as well, and the mechanism that is attacked is
 * the one that a run uses, step for step.
 */
export function atRateOf(plan: DpSgdPlan, planUnits: number, units: number): DpSgdPlan {
  return { ...plan, expectedBatchSize: dpSgdMechanism(plan, planUnits).samplingRate * units };
}

/** Trainings of one kind, as a forecast of their time takes them: the plan's batches count rows, whatever its units are. */
export interface AuditPart {
  readonly plan: DpSgdPlan | PlainLoraPlan;
  readonly rows: number;
  readonly meanTokens: number;
  readonly times: number;
}

/** All trainings of an audit, in order. */
export function adapterAuditParts(plan: DpSgdPlan, twin: PlainLoraPlan, counts: AdapterAuditCounts, size: AdapterAuditSize): readonly AuditPart[] {
  const { samplingRate } = dpSgdMechanism(plan, counts.units);
  const rowsOf = (units: number) => (units * counts.rows) / counts.units;
  const beside = rowsOf(size.unitsBeside);
  // Half of the planted notes are left out.
  const planted = size.canaries / 2;
  return [plan, twin].flatMap((one): AuditPart[] => {
    const part = (rows: number, tokens: number, times: number): AuditPart => ({ plan: one.kind === 'dp-sgd' ? { ...one, expectedBatchSize: samplingRate * rows } : one, rows, meanTokens: tokens / rows, times });
    const half = rowsOf(size.units / 2);
    return [part(half, half * counts.meanTokens, 2 * size.pairs), part(beside + planted, beside * counts.meanTokens + planted * plantedTokens, size.canaryRuns)];
  });
}

/** Tokens that a training takes a gradient of. */
export function gradientTokens({ plan, rows, meanTokens }: AuditPart): number {
  return meanTokens * (plan.kind === 'dp-sgd' ? plan.steps * plan.expectedBatchSize : plan.epochs * rows);
}
