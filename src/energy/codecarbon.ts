import { checkNonNegative, checkPositive } from '../ground/check.ts';

/**
 * CodeCarbon's power models (b05965e), for comparing figures with it. They ask for what a browser cannot see (TDP, memory
 * modules), so the estimator does not use them.
 */

/** Whole-machine mode: a tenth of the TDP at idle, the rest with the cube of the load. Units: W, percent. */
export function cpuLoadWatts(tdpWatts: number, loadPercent: number): number {
  return checkPositive('TDP', tdpWatts) * (0.1 + 0.9 * (checkNonNegative('load', loadPercent) / 100) ** 3);
}

/** Constant mode: half the TDP. */
export function cpuConstantWatts(tdpWatts: number): number {
  return checkPositive('TDP', tdpWatts) / 2;
}

/** Greatest memory in GB that is taken to sit in so many modules. */
const moduleSteps: readonly (readonly [gigabytes: number, modules: number])[] = [[2, 1], [16, 2], [32, 4], [64, 4], [128, 8]];
const moduleGigabytes = [128, 64, 32, 16, 8, 4] as const;

function memoryModules(gigabytes: number): number {
  const step = moduleSteps.find(([most]) => gigabytes <= most);
  if (step !== undefined) return step[1];
  const size = moduleGigabytes.find((one) => one <= gigabytes / 8)!;
  return Math.min(32, Math.ceil(gigabytes / size));
}

/** Watts of memory: 5 W a module (ARM 1.5 W) for four, then 90, 80 and 70 % of it for the next four, eight and the rest; two modules at least. */
export function memoryWatts(gigabytes: number, isArm: boolean): number {
  const each = isArm ? 1.5 : 5;
  const modules = memoryModules(checkNonNegative('memory', gigabytes));
  const between = (from: number, to: number) => Math.max(0, Math.min(modules, to) - from);
  return Math.max(2 * each, each * (between(0, 4) + 0.9 * between(4, 8) + 0.8 * between(8, 16) + 0.7 * between(16, Infinity)));
}
