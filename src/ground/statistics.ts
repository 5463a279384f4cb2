import { checkInteger } from './check.ts';
import { BedsideError } from './errors.ts';
import { lnGamma, normalQuantile } from './special.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

function checkConfidence(confidence: number): void {
  if (!(confidence > 0 && confidence < 1)) {
    throw new BedsideError('settings/out-of-range', 'settings', `confidence must be between 0 and 1, found ${confidence}.`, 'Use 0.95.', { name: 'confidence', found: String(confidence) });
  }
}

function checkCounts(hits: number, total: number): void {
  checkInteger('total', total, 1);
  checkInteger('hits', hits, 0, total);
}

/** Wilson's score interval for a proportion of `hits` among `total` (Wilson 1927). Throws without at least one trial. */
export function wilsonInterval(hits: number, total: number, confidence = 0.95): Interval {
  checkCounts(hits, total);
  checkConfidence(confidence);
  const z = -normalQuantile((1 - confidence) / 2);
  const share = hits / total;
  const centre = share + (z * z) / (2 * total);
  const half = z * Math.sqrt((share * (1 - share)) / total + (z * z) / (4 * total * total));
  const scale = 1 + (z * z) / total;
  return { low: hits === 0 ? 0 : Math.max(0, (centre - half) / scale), high: hits === total ? 1 : Math.min(1, (centre + half) / scale) };
}

/**
 * Newcombe's hybrid score interval for the difference hits1/total1 - hits2/total2 of two independent proportions
 * (Newcombe 1998, method 10).
 */
export function newcombeInterval(hits1: number, total1: number, hits2: number, total2: number, confidence = 0.95): Interval & { readonly difference: number } {
  const first = wilsonInterval(hits1, total1, confidence);
  const second = wilsonInterval(hits2, total2, confidence);
  const share1 = hits1 / total1;
  const share2 = hits2 / total2;
  const difference = share1 - share2;
  return {
    difference,
    low: difference - Math.hypot(share1 - first.low, second.high - share2),
    high: difference + Math.hypot(first.high - share1, share2 - second.low),
  };
}

/** P(X >= hits) for X binomial(total, p), summed from its largest term outwards. */
function binomialUpperTail(hits: number, total: number, p: number): number {
  if (hits <= 0) return 1;
  const logChoose = (k: number) => lnGamma(total + 1) - lnGamma(k + 1) - lnGamma(total - k + 1);
  const start = Math.min(total, Math.max(hits, Math.floor((total + 1) * p)));
  const peak = Math.exp(logChoose(start) + start * Math.log(p) + (total - start) * Math.log1p(-p));
  const odds = p / (1 - p);
  let sum = peak;
  for (let k = start + 1, term = peak; k <= total; k++) {
    term *= ((total - k + 1) / k) * odds;
    sum += term;
    if (term < 1e-18 * sum) break;
  }
  for (let k = start, term = peak; k > hits; k--) {
    term *= k / ((total - k + 1) * odds);
    sum += term;
    if (term < 1e-18 * sum) break;
  }
  return Math.min(1, sum);
}

/** The exact interval of Clopper and Pearson (1934): the binomial tails beyond `hits` are (1 - confidence)/2 at its ends. */
export function clopperPearsonInterval(hits: number, total: number, confidence = 0.95): Interval {
  checkCounts(hits, total);
  checkConfidence(confidence);
  const tail = (1 - confidence) / 2;
  const lowerEnd = (k: number) => {
    if (k === 0) return 0;
    let below = 0;
    let above = 1;
    while (above - below > 1e-16 * above) {
      const middle = (below + above) / 2;
      if (middle === below || middle === above) break;
      if (binomialUpperTail(k, total, middle) < tail) below = middle;
      else above = middle;
    }
    return (below + above) / 2;
  };
  return { low: lowerEnd(hits), high: 1 - lowerEnd(total - hits) };
}

/** Quantile by linear interpolation between order statistics, as numpy's default. NaN for no values. */
export function quantile(sortedAscending: ArrayLike<number>, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new BedsideError('settings/out-of-range', 'settings', `A quantile lies between 0 and 1, found ${p}.`, 'Pass a share.', { name: 'p', found: String(p) });
  const count = sortedAscending.length;
  if (count === 0) return NaN;
  const position = p * (count - 1);
  const below = Math.min(count - 1, Math.floor(position));
  const above = Math.min(count - 1, below + 1);
  const low = sortedAscending[below]!;
  return low + (position - below) * (sortedAscending[above]! - low);
}
