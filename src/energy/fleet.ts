import { estimateEnergyWh, type EnergyRange } from './estimate.ts';

/**
 * Extra energy at the wall of many devices of which nothing is known but how long they computed, taken together. They err together: what a room has
 * in common (all phones, all desktops) is unknown too, so the range is as wide as that of one device.
 * Units: device seconds in, Wh out. Guarantee: no less than what computed, where the seconds are at most those that devices were busy.
 */
export function fleetEnergyWh(deviceSeconds: number): EnergyRange {
  return estimateEnergyWh({ kind: 'class', deviceClass: 'unknown' }, [{ seconds: deviceSeconds, busyFraction: 1 }]);
}
