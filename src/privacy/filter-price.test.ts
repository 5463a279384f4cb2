/** What a limit would cost that is proven whoever picks the next release in the light of earlier ones: NOISE.md, 'A limit is a filter'. */
import { describe, expect, it } from 'vitest';
import { rdpOfCharges, type Charge } from './composition.ts';
import { gaussianMu } from './gaussian.ts';
import { pldEpsilon } from './pld/pld.ts';
import { defaultOrders, rdpToEpsilon } from './rdp.ts';

const delta = 1e-5;

/** The order at which RDP says least of one full-batch release that spends a limit: it follows from the limit and from delta alone. */
function orderOf(limit: number): number {
  let [low, high, order] = [0, 40, defaultOrders[0]!];
  for (let halving = 0; halving < 20; halving++) {
    const mu = (low + high) / 2;
    const best = rdpToEpsilon(defaultOrders, defaultOrders.map((alpha) => (alpha * mu * mu) / 2), delta);
    if (best.epsilon > limit) high = mu;
    else [low, order] = [mu, best.order ?? order];
  }
  return order;
}

/** The least limit that these charges fit into by RDP at the limit's own order, which is a filter (Feldman and Zrnic 2021, arXiv 2008.11193). */
function filterLimit(charges: readonly Charge[]): number {
  const fits = (limit: number) => {
    const orders = [orderOf(limit)];
    return rdpToEpsilon(orders, rdpOfCharges(charges, orders), delta).epsilon <= limit;
  };
  let [low, high] = [0.01, 64];
  for (let halving = 0; halving < 16; halving++) {
    const middle = (low + high) / 2;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}

const gaussian = (epsilon: number): Charge => ({ mechanism: { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(epsilon, delta) }, count: 1 });
const samples = (noiseMultiplier: number, samplingRate: number, count: number): Charge => ({ mechanism: { kind: 'poisson-gaussian', noiseMultiplier, samplingRate }, count });

describe('a limit that is a filter: RDP at the one order that follows from it', () => {
  it.each<readonly [string, readonly Charge[]]>([
    ['DP-SGD after a head', [gaussian(2), samples(1.2, 0.1, 80)]],
    ['DP-SGD with other noise after DP-SGD', [samples(1.5, 0.1, 80), samples(1, 0.05, 80)]],
    ['a head after much DP-SGD', [samples(0.9, 0.05, 200), gaussian(1)]],
    ['little of both', [samples(3, 0.1, 80), gaussian(0.5)]],
  ])('comes to more than PLD, and to a quarter more at most: %s', (_, charges) => {
    const share = filterLimit(charges) / pldEpsilon(charges, delta).epsilon;
    expect(share).toBeGreaterThan(1);
    expect(share).toBeLessThan(1.25);
  });
});
