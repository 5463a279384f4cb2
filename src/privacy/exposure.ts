/** What the most exposed unit of a cohort has spent, over all the ways that a unit may go through the ledger. */
import { checkInteger } from '../ground/check.ts';
import { mechanismName } from './charge-tally.ts';
import type { Charge } from './composition.ts';
import type { Cohort, Stop, Ways } from './data-sets.ts';
import type { Mechanism } from './events.ts';
import type { KnownBounds } from './known-bounds.ts';

/** Charges to a cohort, as they count for its own units. */
export type ChargesTo = (cohort: Cohort) => readonly Charge[];

/** Past this many ways to place a unit among other splits, all their parts are added up instead: more, and quickly so. */
const LARGEST_PLACEMENTS = 64;

/** Epsilon at `delta` of the most exposed unit that goes one of these ways. */
export function worstEpsilon({ own, others }: Ways, chargesTo: ChargesTo, delta: number, bounds: KnownBounds): number {
  const count = others.reduce((product, places) => product * Math.max(1, places.length), 1);
  let ways: readonly (readonly Charge[])[] = [chargesTo(own)];
  for (const places of others) {
    const charges = count > LARGEST_PLACEMENTS ? [chargesAt(places.flat(), chargesTo)] : heaviest(places.map((stops) => chargesAt(stops, chargesTo)));
    ways = ways.flatMap((way) => charges.map((more) => [...way, ...more]));
  }
  return bounds.greatest(ways, delta);
}

/** What a unit pays that is in all of these cohorts. */
export function chargesAt(stops: readonly Stop[], chargesTo: ChargesTo): readonly Charge[] {
  return stops.flatMap(({ cohort, count }) => {
    const charges = chargesTo(cohort);
    return count === 1 ? charges : charges.map((charge) => ({ mechanism: forSeveralUnits(charge.mechanism, count), count: charge.count }));
  });
}

/** Without the places whose charges another place holds as well: epsilon rises with every charge. */
function heaviest(places: readonly (readonly Charge[])[]): readonly (readonly Charge[])[] {
  if (places.length < 2) return places;
  const weights = places.map(weightOf);
  return places.filter((_, index) => !weights.some((other, place) => place !== index && isCovered(weights[index]!, other) && (place < index || !isCovered(other, weights[index]!))));
}

interface Weight {
  /** Sum of count / sigma^2 over full-batch Gaussians: all that matters of them. */
  readonly muSquared: number;
  /** Of every other mechanism, how often. */
  readonly others: ReadonlyMap<string, number>;
}

function weightOf(charges: readonly Charge[]): Weight {
  let muSquared = 0;
  const others = new Map<string, number>();
  for (const { mechanism, count } of charges) {
    if (mechanism.kind === 'gaussian') muSquared += count / mechanism.noiseMultiplier ** 2;
    else {
      const name = mechanismName(mechanism);
      others.set(name, (others.get(name) ?? 0) + count);
    }
  }
  return { muSquared, others };
}

function isCovered(a: Weight, b: Weight): boolean {
  return a.muSquared <= b.muSquared && [...a.others].every(([name, count]) => count <= (b.others.get(name) ?? 0));
}

/**
 * What a mechanism that protects one unit is to somebody who is `units` of them: sensitivity `units` times as large, and a sample of which at least
 * one unit is part with probability 1 - (1 - q)^units. By joint convexity of the hockey-stick divergence the mixture over how many units were drawn
 * is dominated by that of none or all. Of a unit that stays in part see NOISE.md, "Assumed, not proven". Every run of a search is to her a Gaussian of so much more sensitivity, and the search one of such runs.
 */
export function forSeveralUnits(mechanism: Mechanism, units: number): Mechanism {
  checkInteger('units of a person', units, 1);
  const noiseMultiplier = mechanism.noiseMultiplier / units;
  if (mechanism.kind !== 'poisson-gaussian') return { ...mechanism, noiseMultiplier };
  return { kind: 'poisson-gaussian', noiseMultiplier, samplingRate: Math.min(1, -Math.expm1(units * Math.log1p(-mechanism.samplingRate))) };
}
