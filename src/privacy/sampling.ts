import { checkInteger, checkProbability } from '../ground/check.ts';
import { drawWords, type KeyStream } from './key-stream.ts';

/** The tensor number of secret draws; noise of the same step takes others. */
export const SAMPLING_TENSOR = 0;

/**
 * A secret Poisson draw: each of `unitCount` units takes part on its own with probability `samplingRate`. Returns their numbers, ascending.
 * Guarantee: the probability is samplingRate rounded down to a multiple of 2^-32, so it never exceeds what is accounted; it is exact at 0 and 1.
 * The number of secret bytes depends on `unitCount` alone. An empty draw is an ordinary one: the step happens and counts.
 */
export async function poissonDraw(stream: KeyStream, step: number, unitCount: number, samplingRate: number): Promise<Int32Array> {
  checkInteger('number of units', unitCount, 0, 2 ** 29);
  checkProbability('sampling rate', samplingRate);
  const threshold = Math.floor(samplingRate * 2 ** 32);
  const words = await drawWords(stream, step, SAMPLING_TENSOR, unitCount);
  const drawn: number[] = [];
  for (let unit = 0; unit < unitCount; unit++) if (words[unit]! < threshold) drawn.push(unit);
  words.fill(0);
  return Int32Array.from(drawn);
}
