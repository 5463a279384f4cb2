import { mulberry32 } from '../ground/random.ts';
import { quantile } from '../ground/statistics.ts';
import { countGroups, type GroupCounts } from './group-counts.ts';

export interface BootstrapRequest {
  readonly isTrue: readonly boolean[];
  readonly isPredicted: readonly boolean[];
  readonly groups: readonly string[];
  readonly seed: number;
  readonly replicates: number;
  readonly quantiles: readonly number[];
}

/**
 * Percentile bootstrap of figures over groups: all rows are drawn anew with replacement, as fairlearn's MetricFrame does,
 * so a small group may be missing from a replicate, and a figure that is null in one is left out of its quantiles.
 * A greatest-minus-smallest gap is biased upwards and its interval practically never holds 0: no test of "no gap".
 * @param figures of the counts of one replicate, by name
 * @returns the quantiles of each figure; NaN for one that never was defined
 */
export function bootstrapGroups(request: BootstrapRequest, figures: Readonly<Record<string, (groups: readonly GroupCounts[]) => number | null>>): Readonly<Record<string, readonly number[]>> {
  const { isTrue, isPredicted, groups, seed, replicates, quantiles } = request;
  const random = mulberry32(seed);
  const rows = groups.length;
  const samples = Object.entries(figures).map(([name, figure]) => ({ name, figure, values: [] as number[] }));
  for (let replicate = 0; replicate < replicates; replicate++) {
    const drawn = Array.from({ length: rows }, () => Math.floor(random() * rows));
    const counts = countGroups(drawn.map((row) => isTrue[row]!), drawn.map((row) => isPredicted[row]!), drawn.map((row) => groups[row]!));
    for (const { figure, values } of samples) {
      const value = figure(counts);
      if (value !== null) values.push(value);
    }
  }
  return Object.fromEntries(samples.map(({ name, values }) => {
    values.sort((a, b) => a - b);
    return [name, quantiles.map((share) => quantile(values, share))];
  }));
}
