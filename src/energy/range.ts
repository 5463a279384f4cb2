import { checkNonNegative } from '../ground/check.ts';
import type { EnergyRange } from './estimate.ts';

/** Half-width of a normal's 95 % interval in standard deviations. */
const z95 = 1.96;

/** Central value times e^(+-1.96 sigma): the 95 % interval of a log-normal estimate. */
export function logNormalRange(central: number, sigmas: readonly number[]): EnergyRange {
  checkNonNegative('central value', central);
  const factor = Math.exp(z95 * Math.hypot(...sigmas));
  return { low: central / factor, central, high: central * factor };
}

/** Standard deviation of the logarithm of a range whose ends are its 95 % interval; 0 where it is a point or 0. */
export function logSigma({ low, high }: EnergyRange): number {
  return low > 0 ? Math.log(high / low) / (2 * z95) : 0;
}

/** The sum of estimates that err together, as those of one device do: ends add. */
export function addRanges(ranges: readonly EnergyRange[]): EnergyRange {
  return ranges.reduce((sum, { low, central, high }) => ({ low: sum.low + low, central: sum.central + central, high: sum.high + high }), { low: 0, central: 0, high: 0 });
}
