/** What a search among settings costs, and how much noise its runs need. */
import { checkPositive } from '../ground/check.ts';
import { composedEpsilon, rdpOfCharges, type Charge } from './composition.ts';
import { checkDelta } from './gaussian.ts';
import { defaultOrders, rdpToEpsilon, type RdpEpsilon } from './rdp.ts';
import { checkLaw, repeatAndSelectRdp, type RepeatLaw } from './repeat-and-select.ts';

/** Epsilon at `delta` of a search whose every run has these charges. */
export function repeatAndSelectEpsilon(charges: readonly Charge[], delta: number, law: RepeatLaw, orders: readonly number[] = defaultOrders): RdpEpsilon {
  checkLaw(law);
  const ofRun = rdpOfCharges(charges, orders);
  // A run that releases nothing about the data makes a search that does not either.
  if (ofRun.every((value) => value === 0)) return { epsilon: 0, order: null, isOrderAtEdge: false };
  return rdpToEpsilon(orders, repeatAndSelectRdp(orders, ofRun, law), delta);
}

/**
 * The largest mu for which the charges that `chargesAt(mu)` gives stay within (epsilon, delta), to a relative 1e-9 and never above it. They must cost more as mu rises.
 * 0 where even the least mu that matters does not fit: a search costs something even where its runs say nothing. Infinity for delta >= 1, at which every mu fits.
 */
export function largestMu(chargesAt: (mu: number) => readonly Charge[], epsilon: number, delta: number): number {
  checkPositive('epsilon', epsilon);
  checkDelta(delta);
  if (delta >= 1) return Infinity;
  const fits = (mu: number) => composedEpsilon(chargesAt(mu), delta).epsilon <= epsilon;
  let low = 1e-4;
  if (!fits(low)) return 0;
  let high = 2 * low;
  while (fits(high)) [low, high] = [high, 2 * high];
  while (high / low - 1 > 1e-9) {
    const middle = Math.sqrt(low * high);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
