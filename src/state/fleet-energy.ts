import type { EnergyRange } from '../energy/estimate.ts';
import { fleetEnergyWh } from '../energy/fleet.ts';
import type { FederationStatus } from '../shell/federation.service.ts';

/** All devices together, over the rounds that have ended; null before the first reply was taken. */
export function fleetEnergy({ rounds }: FederationStatus): EnergyRange | null {
  const deviceSeconds = rounds.reduce((sum, round) => sum + round.deviceSeconds, 0);
  return deviceSeconds > 0 ? fleetEnergyWh(deviceSeconds) : null;
}
