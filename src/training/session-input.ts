import { BedsideError } from '../ground/errors.ts';
import type { DataPart, Mechanism, Purpose } from '../privacy/events.ts';
import type { OwnersEyes, Releasable } from '../privacy/doors.ts';
import type { KnownBounds } from '../privacy/known-bounds.ts';
import type { KeyStream } from '../privacy/noise.ts';
import type { Checkpoint, CheckpointStore } from './checkpoint.ts';
import type { HeldOutScore } from './held-out-score.ts';
import type { Plan } from './plan.ts';
import type { ReleasedAccuracy } from './charged-validation.ts';
import type { SessionControl } from './session-control.ts';
import type { TokenizedUnit, Trainer } from './trainer.ts';
import type { TrainedModel } from './trained-model.ts';

/** The ledger as a run sees it: one durable charge at a time. */
export interface ChargePort {
  /** Resolves only when the charge is durable. Rejects with a `BedsideError` of family `budget`, charging nothing, where it does not fit. */
  charge(part: DataPart, step: number, purpose: Purpose, mechanism: Mechanism): Promise<void>;
}

/** All that a run is given. Nothing here is stored by the session but through `checkpoints` and `charges`. */
export interface SessionInput {
  readonly runId: string;
  readonly plan: Plan;
  readonly labels: readonly string[];
  /** Units that train, numbered 0.. in order; grouped by `groupUnits` for the plan's unit. */
  readonly training: readonly TokenizedUnit[];
  /** Units that are scored and never train. */
  readonly heldOut: readonly TokenizedUnit[];
  /** The tokenized public sentence of each label, in label order. */
  readonly labelSentences: readonly Int32Array[];
  readonly trainers: readonly Trainer[];
  /** Null for plans that are not private. */
  readonly charges: ChargePort | null;
  /** A stream under a key that no earlier session used; a resumed run gets a new one. */
  readonly keys: KeyStream | null;
  /** What is known of epsilon: the ledger's, so that what one has worked out the other need not. */
  readonly bounds?: KnownBounds;
  readonly checkpoints: CheckpointStore;
  /** Milliseconds that only grow. */
  readonly clock: () => number;
  /** Lets other work of the thread happen; awaited between steps. */
  readonly yields: () => Promise<void>;
  readonly control: SessionControl;
  readonly onProgress: (progress: SessionProgress) => void;
  /** Checkpoint to go on from; the run's interrupted step is charged and done again. */
  readonly resumeFrom: Checkpoint | null;
  /** The model that a plan with `continues` starts from; absent for the others. */
  readonly startsFrom?: TrainedModel;
}

export type SessionPhase = 'features' | 'training' | 'evaluating';

/** What may be shown while a run goes on. Holds no drawn count, norm, or training loss: they tell who was sampled. */
export interface SessionProgress {
  readonly phase: SessionPhase;
  readonly phaseProgress: { readonly done: number; readonly total: number };
  readonly step: number;
  readonly steps: number;
  /** Seconds of work, pauses left out. */
  readonly elapsedSeconds: number;
  readonly secondsLeft: number | null;
  /** Expected batch over a mean of ten steps; null until ten steps are done. Where draws are secret, as `secondsLeft`, renewed at every tenth step alone. */
  readonly notesPerSecond: number | null;
  /** Epsilon of this run alone: now, after one more step, and at the planned end; null where the plan is not private. */
  readonly epsilonRun: number | null;
  readonly epsilonNextStep: number | null;
  readonly epsilonAtEnd: number | null;
  /** Exact held-out score, at the steps that evaluate; null between them. */
  readonly heldOut: OwnersEyes<HeldOutScore> | null;
}

export interface SessionOutcome {
  readonly state: 'finished' | 'stopped';
  /** Why it stopped; null where it finished. */
  readonly reason: 'asked' | 'budget' | null;
  readonly stepsDone: number;
  readonly steps: number;
  readonly elapsedSeconds: number;
  readonly model: TrainedModel;
  /** Logits of the held-out rows under the model, [rows, C], in the order of `heldOut`'s rows. */
  readonly heldOutLogits: OwnersEyes<Float32Array>;
  /** Charged validation; null where it is off, nothing is held out, or its budget is gone. */
  readonly releasedAccuracy: Releasable<ReleasedAccuracy> | null;
  /** What this session charged to the training part, in order: enough to recompute epsilon. */
  readonly charges: readonly Mechanism[];
}

/** Whether the ledger refused a charge because it would go beyond the limit. */
export function isBudgetRefusal(error: unknown): boolean {
  return error instanceof BedsideError && error.family === 'budget';
}
