/**
 * Pairs of distributions (P, Q) that dominate a mechanism's outputs on neighbouring data, with losses ln(P/Q) on a grid.
 * A pair says everything about composition: delta(eps) = P(loss = inf) + sum over loss > eps of (1 - e^(eps - loss)) P(loss)
 * (Sommer, Meiser & Mohammadi 2019; Zhu, Dong & Wang 2022, arXiv 2106.08567, theorem 10: products of dominating pairs dominate adaptive composition).
 */
import { checkNonNegative, invariant } from '../../ground/check.ts';

export interface LossPair {
  /** Distance of neighbouring losses. */
  readonly grid: number;
  /** The loss of masses[i] is (first + i) grid. */
  readonly first: number;
  /** P of each loss; Q of it is P e^-loss. */
  readonly masses: Float64Array<ArrayBuffer>;
  /** P of outcomes that Q does not have, or that are counted so: loss +infinity. */
  readonly infinityMass: number;
  /** Q of outcomes that P does not have, or that are counted so: infinity when the pair is reversed. */
  readonly reverseInfinityMass: number;
}

/** (Q, P): the loss of a release seen from the neighbour's side. */
export function reversed({ grid, first, masses, infinityMass, reverseInfinityMass }: LossPair): LossPair {
  const last = first + masses.length - 1;
  const turned = new Float64Array(masses.length);
  // exp may overflow where the mass has long underflowed: 0 times infinity is no mass.
  for (let i = 0; i < masses.length; i++) turned[i] = masses[masses.length - 1 - i]! === 0 ? 0 : masses[masses.length - 1 - i]! * Math.exp(-(last - i) * grid);
  return { grid, first: -last, masses: turned, infinityMass: reverseInfinityMass, reverseInfinityMass: infinityMass };
}

/** One release's delta at epsilon, by the sum itself. */
export function deltaOfPair({ grid, first, masses, infinityMass }: LossPair, epsilon: number): number {
  checkNonNegative('epsilon', epsilon);
  let delta = infinityMass;
  for (let i = masses.length - 1; i >= 0; i--) {
    const excess = (first + i) * grid - epsilon;
    if (excess <= 0) break;
    delta -= Math.expm1(-excess) * masses[i]!;
  }
  return Math.min(1, delta);
}

/**
 * The pair of a mechanism that first draws one of several, by a public coin: the weighted sum of losses' masses.
 * Also joins parts of one distribution, with weights 1.
 */
export function mixPairs(parts: readonly { readonly weight: number; readonly pair: LossPair }[]): LossPair {
  const grid = parts[0]?.pair.grid ?? 1;
  invariant(parts.every(({ pair }) => pair.grid === grid), 'pairs of one grid are mixed');
  const first = Math.min(...parts.map(({ pair }) => pair.first));
  const end = Math.max(...parts.map(({ pair }) => pair.first + pair.masses.length));
  const masses = new Float64Array(end - first);
  for (const { weight, pair } of parts) for (let i = 0; i < pair.masses.length; i++) masses[pair.first - first + i]! += weight * pair.masses[i]!;
  const total = (massOf: (pair: LossPair) => number) => parts.reduce((sum, { weight, pair }) => sum + weight * massOf(pair), 0);
  return { grid, first, masses, infinityMass: total(({ infinityMass }) => infinityMass), reverseInfinityMass: total(({ reverseInfinityMass }) => reverseInfinityMass) };
}

/** The same pair with the highest losses, `mass` of P at most, counted as infinite: pessimistic, and it keeps the grid short. */
export function withoutTop(pair: LossPair, mass: number): LossPair {
  let kept = pair.masses.length;
  let moved = 0;
  while (kept > 1 && moved + pair.masses[kept - 1]! <= mass) moved += pair.masses[--kept]!;
  return { ...pair, masses: pair.masses.subarray(0, kept), infinityMass: pair.infinityMass + moved };
}
