import type { SharedUnit } from '../../../privacy/shared-unit.ts';

/** What ε of a federation's rounds does not cover, by code: all that no run covers, but for settings, which whoever takes part does not choose. */
export function roundsNotCovered(unit: SharedUnit): readonly string[] {
  return [unit === 'person' ? 'held-out-people' : 'held-out', 'held-out-scores', 'preprocessing', 'other-copies', 'edited-notes', 'cleared-data', 'device-failure', 'side-channels', 'label-sentences', 'sampler-error'];
}
