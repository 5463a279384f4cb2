/**
 * Training on from a finished run's model: a run of its own whose plan says `continues`. Noise multiplier, sampling rate, clip norm and step size stay
 * those of the run before, so that the steps of both are charged alike, and its privacy is that of all of them together.
 *
 * Optimizer state is not kept with a model: moments begin at zero and the learning rate of a plan begins anew and decays over the epoch to come, so that two
 * epochs and one more are not quite three. Without moments and decay they are (`train-on.test.ts`). A private head starts from the average of the last iterates,
 * and keeps the average of all that follow: on mts-dialog that is 0.4 to 1.1 points better than of the last quarter (epsilon 1 and 3, 10 and 50 steps, 5 seeds). Ten
 * more steps on fifty bring what fifty anew at the epsilon of both would: 0.1 points at epsilon 1, 0.7 at 3, ± 1. A plain head gains where it was trained for too
 * few epochs (0.7 ± 1 points after 5), and loses where it had enough (0.5 ± 0.3 after 40), at any rate that was tried.
 */
import { invariant } from '../ground/check.ts';
import { noiseEpsilon } from '../privacy/noise-laws.ts';
import { pldEpsilon } from '../privacy/pld/pld.ts';
import type { Charge } from '../privacy/composition.ts';
import { atLeast } from './charged-parts.ts';
import { recipeBudget } from './full-batch-head.ts';
import { isPrivate, noiseLawOf, searchOf, type Continuation, type DpSgdPlan, type FullBatchHeadPlan, type Plan } from './plan.ts';
import { plannedCharges } from './planned-charges.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';

/** Why a run cannot be trained on from, by what its plan and its end say. */
export type TrainOnObstacle = 'nothing-trained' | 'search' | 'balance';

/**
 * What keeps a run's model from being gone on from; null where nothing does.
 * A search keeps secret which settings its best run had, so they cannot be kept to. A balanced head was kept without a part of the log prior; steps would
 * have to go on from the weights before that, which are not kept.
 */
export function trainOnObstacle(plan: Plan, stepsDone: number): TrainOnObstacle | null {
  if (plan.kind === 'label-sentences' || stepsDone === 0) return 'nothing-trained';
  if (searchOf(plan)) return 'search';
  return plan.kind === 'full-batch-head' && plan.balance ? 'balance' : null;
}

/** A run that has ended, as far as the plan that goes on from it depends on it. All of it is public. */
export interface EndedRun {
  readonly id: string;
  readonly number: number;
  readonly plan: Plan;
  readonly stepsDone: number;
  readonly trainingUnits: number;
  readonly classes: number;
}

/** Steps that a private head goes on for: a fifth of the run's, and as many again the next time. Each reads all notes. */
function furtherSteps({ steps, continues }: FullBatchHeadPlan): number {
  return continues ? steps : Math.max(1, Math.round(steps / 5));
}

/** Steps of one epoch's worth of Poisson samples. */
function epochSteps({ expectedBatchSize }: DpSgdPlan, units: number): number {
  return Math.max(1, Math.round(units / expectedBatchSize));
}

/**
 * The plan of one more epoch (of a private head: some more steps) from the end of a run. A score that may leave is no part of it: it is a click of its own.
 * Edge cases: only for runs without a `trainOnObstacle`.
 */
export function trainOnPlan({ id, number, plan, stepsDone, trainingUnits, classes }: EndedRun): Plan {
  invariant(plan.kind !== 'label-sentences' && trainOnObstacle(plan, stepsDone) === null, 'the run can be trained on from');
  const continues: Continuation = { runId: id, runNumber: number, stepsBefore: (plan.continues?.stepsBefore ?? 0) + stepsDone, noiseMultiplier: null, stepSize: null };
  if (plan.kind === 'plain-head' || plan.kind === 'plain-lora' || plan.kind === 'plain-layers') return { ...plan, epochs: 1, continues };
  if (plan.kind === 'dp-sgd') {
    const mechanism = dpSgdMechanism(plan, trainingUnits);
    const steps = epochSteps(plan, trainingUnits);
    const { epsilon } = pldEpsilon([{ mechanism, count: steps }], plan.delta);
    return { ...plan, epsilon, steps, validationEpsilon: null, continues: { ...continues, noiseMultiplier: mechanism.noiseMultiplier } };
  }
  const { stepNoiseMultiplier, stepSize } = recipeBudget(plan, trainingUnits, classes);
  const steps = furtherSteps(plan);
  const epsilon = noiseEpsilon(noiseLawOf(plan), Math.sqrt(steps) / stepNoiseMultiplier, plan.delta);
  return { ...plan, epsilon, steps, meanShare: 0, averageLast: 1, validationEpsilon: null, continues: { ...continues, noiseMultiplier: stepNoiseMultiplier, stepSize } };
}

/** What the model of an ended run was charged to the training part: by the ledger's events and at least what its releases cost, and what it took over itself. */
export function chargesBehind({ plan, stepsDone, trainingUnits, classes }: Omit<EndedRun, 'id' | 'number'>, charged: readonly Charge[], inherited: readonly Charge[]): readonly Charge[] {
  return isPrivate(plan) ? [...inherited, ...atLeast(plannedCharges(plan, trainingUnits, classes, stepsDone), charged)] : [];
}
