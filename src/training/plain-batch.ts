import { mulberry32, shuffle } from '../ground/random.ts';

/**
 * The units of one step of plain training: every epoch is a fresh shuffle from (seed, epoch), cut into batches, the last one short.
 * Depends on its arguments alone, so that a resumed run sees the batches it would have seen.
 */
export function plainBatch(units: number, batchSize: number, step: number, seed: number): number[] {
  const stepsAnEpoch = Math.ceil(units / batchSize);
  const epoch = Math.floor(step / stepsAnEpoch);
  const order = shuffle(Array.from({ length: units }, (_, unit) => unit), mulberry32(seed * 100_003 + epoch));
  const start = (step % stepsAnEpoch) * batchSize;
  return order.slice(start, start + batchSize);
}
