import type { Plan } from './plan.ts';

/**
 * All that a run needs to go on after an interruption, and nothing that was not released: parameters, their running average,
 * and optimizer state (functions of released steps). Never a key, a draw, a sum or a norm. Survives a structured clone.
 */
export interface Checkpoint {
  readonly version: 1;
  readonly runId: string;
  readonly plan: Plan;
  /** Steps whose result is in `tensors`. */
  readonly step: number;
  /** By name: 'weights', 'average', 'mean' of a full-batch head; 'theta', 'firstMoment', 'secondMoment' of the others. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
  /** Optimizer steps and terms in the average, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Seconds of work so far, pauses left out. */
  readonly elapsedSeconds: number;
}

/** Where checkpoints are kept: IndexedDB in the page, memory on the command line, a faulty one in tests. */
export interface CheckpointStore {
  /** Resolves once the checkpoint would survive the tab. Replaces the run's earlier one. */
  save(checkpoint: Checkpoint): Promise<void>;
}
