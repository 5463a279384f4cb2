import type { Releasable } from '../privacy/doors.ts';
import type { RoundTerms } from './agreement.ts';

/** What leaves the device: noise is in it already. Numbers beside the update must have been paid for as well. */
export interface NoisedUpdate {
  readonly delta: ArrayLike<number>;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface RoundRequest {
  readonly terms: RoundTerms;
  /** The federation's model that the update is to be added to. Shape [coordinates]. */
  readonly model: Float32Array;
  /** Whether an update could still be sent and counted: a source asks directly before it charges anything. */
  readonly isWanted?: () => Promise<boolean>;
}

/** The guard: charges its ledger, trains, adds noise, and alone can make the type that a node sends. */
export interface UpdateSource {
  train(request: RoundRequest): Promise<Releasable<NoisedUpdate>>;
  /** The person leaves: what is being trained is no longer wanted. */
  cancel(): void;
}
