import { checkNonNegative, checkProbability } from '../ground/check.ts';
import { wallPower, type PowerSource } from './power.ts';
import { logNormalRange } from './range.ts';

/** An estimate with its range, never a measurement. */
export interface EnergyRange {
  readonly low: number;
  readonly central: number;
  readonly high: number;
}

/** A stretch of work. */
export interface WorkSegment {
  readonly seconds: number;
  /** Share of the device that was busy: GPU time over wall time, or worker busy time over wall time and cores. */
  readonly busyFraction: number;
}

/**
 * Extra energy at the wall of some work over an idle machine: sum of power x busy fraction x time, with a log-normal 95 %
 * range from what is not known of the power. Displays, networks and the making of the device are outside.
 * Watts measured under the work itself (wall meter, battery) hold the busy fraction already.
 * Units: Wh. Guarantee: 0 where nothing ran; additive over segments.
 */
export function estimateEnergyWh(source: PowerSource, segments: readonly WorkSegment[]): EnergyRange {
  const { watts, sigmas, isMeasuredUnderLoad } = wallPower(source);
  const busySeconds = segments.reduce((sum, { seconds, busyFraction }) => {
    const fraction = isMeasuredUnderLoad ? 1 : checkProbability('busy fraction', busyFraction);
    return sum + checkNonNegative('seconds', seconds) * fraction;
  }, 0);
  return logNormalRange((watts * busySeconds) / 3600, sigmas);
}
