import { wilsonInterval } from '../ground/statistics.ts';
import type { Proportion } from './classification.ts';

/** A share with Wilson's 95 % interval; of nothing, undefined with the whole range. */
export function proportion(count: number, total: number): Proportion {
  if (total === 0) return { count, total, value: null, low: 0, high: 1 };
  return { count, total, value: count / total, ...wilsonInterval(count, total) };
}
