/** How the privacy reference writes mechanisms and values by delta. */
import { isJsonObject } from '../../engine/model/json.ts';
import type { Charge } from '../../privacy/composition.ts';
import type { GaussianMechanism } from '../../privacy/events.ts';
import type { Compare } from './compare.ts';
import { numberOf, type JsonObject } from './format.ts';

export type Phase = readonly [sigma: number, q: number, steps: number];

export const mechanismOf = (sigma: number, q: number): GaussianMechanism => (q === 1 ? { kind: 'gaussian', noiseMultiplier: sigma } : { kind: 'poisson-gaussian', noiseMultiplier: sigma, samplingRate: q });
export const chargesOf = (phases: readonly Phase[]): Charge[] => phases.map(([sigma, q, count]) => ({ mechanism: mechanismOf(sigma, q), count }));
export const phaseOf = (entry: JsonObject): Phase => [numberOf(entry, 'sigma'), numberOf(entry, 'q'), numberOf(entry, 'steps')];

/** Compares a field that holds a value, or [value, order], for each delta; the field must be there. */
export function compareByDelta(entry: JsonObject, path: string, compare: Compare, found: (delta: number) => number): void {
  const [field, nested] = path.split('.') as [string, string | undefined];
  let values: unknown = entry[field];
  if (nested !== undefined) values = isJsonObject(values) ? values[nested] : undefined;
  if (!isJsonObject(values)) throw new Error(`field ${path} has no values by delta`);
  for (const [delta, value] of Object.entries(values)) {
    const expected = Array.isArray(value) ? (value as readonly unknown[])[0] : value;
    if (typeof expected !== 'number' && typeof expected !== 'string') throw new Error(`field ${path} has no number at delta ${delta}`);
    compare(path, found(Number(delta)), expected);
  }
}
