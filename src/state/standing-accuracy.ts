import type { FederationRound, FederationStatus } from '../shell/federation.service.ts';

/** On the coordinator's public notes, of the model that stands: one that was rolled back is nobody's. Null where nothing was measured. */
export function standingAccuracy({ rounds, initialAccuracy }: Pick<FederationStatus, 'rounds' | 'initialAccuracy'>): FederationRound['accuracy'] {
  return rounds.findLast(({ isCounted, isKept, accuracy }) => isCounted && isKept && accuracy !== null)?.accuracy ?? initialAccuracy;
}
