/** One training whose model is thrown away: the real session over a table of features. */
import type { KeyStream } from '../../privacy/key-stream.ts';
import type { KnownBounds } from '../../privacy/known-bounds.ts';
import { createTrainer, type TrainerOptions } from '../in-process-trainer.ts';
import { isPrivate, type Plan } from '../plan.ts';
import { SessionControl } from '../session-control.ts';
import type { ChargePort, SessionOutcome } from '../session-input.ts';
import { runSession } from '../session.ts';
import type { TokenizedUnit, Trainer } from '../trainer.ts';
import { tableEngine, type PooledTable } from './pooled-table.ts';

/**
 * Trains on some units of a table and scores others. Resolves with the logits of all rows of `scored` in order, [rows, C]; nothing else of the model is left.
 * A unit without rows is there and contributes nothing: the neighbour of zero-out adjacency.
 */
export type AuditTraining = (plan: Plan, training: readonly TokenizedUnit[], scored: readonly TokenizedUnit[]) => Promise<Float32Array>;

/** What audits need of the world. */
export interface AuditWorld {
  /** A stream under a fresh key for every training. */
  readonly createKeys: () => Promise<KeyStream> | KeyStream;
  /** Lets other work of the thread happen; what it throws ends the audit. */
  readonly yields: () => Promise<void>;
  readonly clock: () => number;
  /** As a trainer takes it; plain loops without. */
  readonly openHeadProducts?: TrainerOptions['openHeadProducts'];
}

/**
 * An audit charges nothing, because it releases nothing: its models are thrown away, and what it finds is for the owner's eyes, like an exact
 * held-out score. The ledger's epsilon is a promise about what leaves that circle.
 */
const releasesNothing: ChargePort = { charge: () => Promise.resolve() };

/** What every training of an audit has in common. */
export interface AuditParts {
  readonly trainers: readonly Trainer[];
  readonly labels: readonly string[];
  readonly labelSentences: readonly Int32Array[];
  readonly world: AuditWorld;
  /** What is known of epsilon: trainings of one plan then work it out once. */
  readonly bounds?: KnownBounds;
}

/** One training of the real session that charges nothing and keeps nothing. `onShare` hears how much of its steps is done, 0 to 1. */
export async function auditSession({ trainers, labels, labelSentences, world, bounds }: AuditParts, plan: Plan, training: readonly TokenizedUnit[], scored: readonly TokenizedUnit[], onShare: (share: number) => void = () => undefined): Promise<SessionOutcome> {
  return runSession({
    runId: 'audit',
    plan,
    labels,
    training: training.map((unit, index) => ({ ...unit, unit: index })),
    heldOut: scored,
    labelSentences,
    trainers,
    charges: isPrivate(plan) ? releasesNothing : null,
    keys: isPrivate(plan) ? await world.createKeys() : null,
    ...(bounds ? { bounds } : {}),
    checkpoints: { save: () => Promise.resolve() },
    clock: world.clock,
    yields: world.yields,
    control: new SessionControl(),
    onProgress: ({ step, steps }) => onShare(steps > 0 ? step / steps : 1),
    resumeFrom: null,
  });
}

/** Lets a test put a faulty trainer in the real one's place. */
export type WrapTrainer = (trainer: Trainer) => Trainer;

export function auditTraining(table: PooledTable, labels: readonly string[], labelSentences: readonly Int32Array[], world: AuditWorld, wrap: WrapTrainer = (trainer) => trainer): AuditTraining {
  const parts = { trainers: [wrap(createTrainer(tableEngine(table), world.openHeadProducts ? { openHeadProducts: world.openHeadProducts } : {}))], labels, labelSentences, world };
  return async (plan, training, scored) => (await auditSession(parts, plan, training, scored)).heldOutLogits.value;
}
