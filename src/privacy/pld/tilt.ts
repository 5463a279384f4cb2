/**
 * Exponential tilting of composed losses, theta chosen by Chernoff's bound.
 * A sum of losses is small beside delta = 1e-6 only in absolute terms: a transform that is good to 1e-16 knows nothing of a tail of 1e-16. Under
 * the weights e^(theta loss) the part of the sum that decides delta lies in the middle, and a rounding error counts for 1e-16 of delta itself.
 */
import type { LossPair } from './loss-pair.ts';

export interface PairCount {
  readonly pair: LossPair;
  readonly count: number;
}

/** ln E_P[e^(theta loss)] over finite losses. Powers of e^(theta grid) are kept by blocks, so that rounding does not grow. */
export function logMoment({ grid, first, masses }: LossPair, theta: number): number {
  const step = theta * grid;
  const ratio = Math.exp(step);
  const block = Math.max(1, Math.min(64, Math.floor(300 / Math.abs(step))));
  let largest = -Infinity;
  let sum = 0;
  for (let start = 0; start < masses.length; start += block) {
    const end = Math.min(masses.length, start + block);
    let blockSum = 0;
    let power = 1;
    for (let i = start; i < end; i++) {
      blockSum += masses[i]! * power;
      power *= ratio;
    }
    if (blockSum === 0) continue;
    const term = Math.log(blockSum) + step * (first + start);
    if (term > largest) {
      sum = sum * Math.exp(largest - term) + 1;
      largest = term;
    } else {
      sum += Math.exp(term - largest);
    }
  }
  return largest + Math.log(sum);
}

/** kappa(theta) = ln E[e^(theta L)] of the composed loss L. */
export function composedLogMoment(parts: readonly PairCount[], theta: number): number {
  return parts.reduce((sum, { pair, count }) => sum + count * logMoment(pair, theta), 0);
}

/** Standard deviation of the composed loss, over finite losses. */
export function composedDeviation(parts: readonly PairCount[]): number {
  let variance = 0;
  for (const { pair, count } of parts) {
    const { grid, first, masses } = pair;
    let total = 0, mean = 0;
    for (let i = 0; i < masses.length; i++) {
      total += masses[i]!;
      mean += masses[i]! * (first + i);
    }
    mean /= total;
    let square = 0;
    for (let i = 0; i < masses.length; i++) square += masses[i]! * (first + i - mean) ** 2;
    variance += (count * grid * grid * square) / total;
  }
  return Math.sqrt(variance);
}

/** The least value of a function with one valley over [low, high], by golden sections of ln x. Any x gives a valid bound: only tightness hangs on the search. */
export function valley(low: number, high: number, sections: number, valueAt: (x: number) => number): { readonly x: number; readonly value: number } {
  const share = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [Math.log(low), Math.log(high)];
  let [c, d] = [b - share * (b - a), a + share * (b - a)];
  let [atC, atD] = [valueAt(Math.exp(c)), valueAt(Math.exp(d))];
  for (let section = 0; section < sections; section++) {
    if (atC <= atD) {
      [b, d, atD] = [d, c, atC];
      c = b - share * (b - a);
      atC = valueAt(Math.exp(c));
    } else {
      [a, c, atC] = [c, d, atD];
      d = a + share * (b - a);
      atD = valueAt(Math.exp(d));
    }
  }
  return atC <= atD ? { x: Math.exp(c), value: atC } : { x: Math.exp(d), value: atD };
}

/** ln of the most that (1 - e^-x) e^(-theta x) can be, x >= 0: Chernoff's bound for delta is e^(kappa - theta eps) times this. */
const logPeak = (theta: number) => theta * Math.log(theta) - (1 + theta) * Math.log1p(theta);

/** What is asked of a composition: epsilon at a delta, or delta at an epsilon. */
export type Target = { readonly delta: number } | { readonly epsilon: number };

/** Chernoff's bound: the tilt that decides, and ln delta or epsilon that it alone proves. */
export function bestTilt(parts: readonly PairCount[], target: Target, deviation: number): { readonly theta: number; readonly bound: number } {
  const value = (theta: number) => {
    const moment = composedLogMoment(parts, theta) + logPeak(theta);
    return 'delta' in target ? (moment - Math.log(target.delta)) / theta : moment - theta * target.epsilon;
  };
  const { x, value: bound } = valley(1e-2, Math.max(10, 200 / deviation), 13, value);
  return { theta: x, bound };
}
