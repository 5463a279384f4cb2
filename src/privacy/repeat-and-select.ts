/**
 * Choosing among training runs, charged: K runs with settings drawn at random, K itself drawn from a stated law and kept secret, and only the best
 * run released (Papernot & Steinke 2022, arXiv 2110.03620). A fixed K, or one that is shown, is not covered: then all runs must be composed.
 */
import { checkInteger, checkNonNegative, checkPositive } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { checkOrders, checkRdp } from './rdp.ts';

/**
 * The law of the number of runs. Poisson may draw none: then nothing is released. The truncated negative binomial draws at least one; shape 1 is
 * geometric, shape 0 logarithmic.
 */
export type RepeatLaw = { readonly kind: 'poisson'; readonly mean: number } | { readonly kind: 'truncated-negative-binomial'; readonly shape: number; readonly mean: number };

/** Refuses a law that is none. */
export function checkLaw(law: RepeatLaw): void {
  if (typeof law !== 'object' || law === null || (law.kind !== 'poisson' && law.kind !== 'truncated-negative-binomial')) throw lawError('law of the number of runs', 'poisson or truncated-negative-binomial', 'another');
  checkPositive('mean number of runs', law.mean);
  if (law.kind === 'poisson') return;
  if (!(law.shape > -1 && Number.isFinite(law.shape))) throw lawError('shape', 'a finite number above -1', law.shape);
  if (!(law.mean > 1)) throw lawError('mean number of runs', 'above 1, for this law draws at least one run', law.mean);
}

/** Tells laws apart; in full precision. */
export function lawName(law: RepeatLaw): string {
  return law.kind === 'poisson' ? `${law.kind}/${law.mean}` : `${law.kind}/${law.shape}/${law.mean}`;
}

function lawError(name: string, expected: string, found: number | string): BedsideError {
  return new BedsideError('privacy/repeat-law', 'settings', `The ${name} must be ${expected}, found ${found}.`, `Change the ${name}.`, { name, found: String(found) });
}

/** Mean of the truncated negative binomial of shape eta at gamma: eta (1 - gamma) / (gamma (1 - gamma^eta)), its limit at 0. */
function meanAt(shape: number, logGamma: number): number {
  const ratio = shape === 0 ? 1 / -logGamma : shape / -Math.expm1(shape * logGamma);
  return Math.expm1(-logGamma) * ratio;
}

/** ln gamma of the law with this mean; the mean falls as gamma rises. */
function logGammaOf(shape: number, mean: number): number {
  let [low, high] = [-1, -1e-300];
  while (meanAt(shape, low) < mean) low *= 2;
  for (let iteration = 0; iteration < 200; iteration++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (meanAt(shape, middle) >= mean) low = middle;
    else high = middle;
  }
  // The end at which the mean, and so the bound, is not below the one asked for.
  return low;
}

function checkCurve(orders: readonly number[], rdp: readonly number[]): void {
  checkOrders(orders);
  if (rdp.length !== orders.length) throw lawError('number of RDP values', `as many as orders, ${orders.length}`, rdp.length);
  rdp.forEach(checkRdp);
}

/** delta at epsilon from an RDP curve: Canonne, Kamath & Steinke 2020, proposition 12. */
export function deltaOfRdp(orders: readonly number[], rdp: readonly number[], epsilon: number): number {
  checkCurve(orders, rdp);
  checkNonNegative('epsilon', epsilon);
  return Math.min(1, ...orders.map((order, index) => Math.exp((order - 1) * (rdp[index]! - epsilon + Math.log1p(-1 / order)) - Math.log(order))));
}

/**
 * RDP of the released run at each order, given that of one run.
 * Truncated negative binomial: theorem 2 there, at the best second order. Poisson: theorem 6, with one run's delta at e^eps = 1 + 1/(order - 1).
 * Below a mean of 1 its term ln(mean) / (order - 1) falls below 0, as far as to say that nothing was released: there the chance e^-mean that no run is made,
 * which the theorem leaves out, is added to its integral. With e^((order - 1) D) <= P(K = 0) + mean e^((order - 1) (rdp + mean delta)) the bound is never below 0.
 */
export function repeatAndSelectRdp(orders: readonly number[], rdp: readonly number[], law: RepeatLaw): readonly number[] {
  checkLaw(law);
  checkCurve(orders, rdp);
  const selecting = (order: number) => Math.log(law.mean) / (order - 1);
  if (law.kind === 'poisson') {
    return orders.map((order, index) => {
      const bound = rdp[index]! + law.mean * deltaOfRdp(orders, rdp, Math.log1p(1 / (order - 1))) + selecting(order);
      return law.mean >= 1 ? bound : bound + Math.log1p(Math.exp(-law.mean - (order - 1) * bound)) / (order - 1);
    });
  }
  const weight = 1 + law.shape;
  const logGamma = logGammaOf(law.shape, law.mean);
  const second = Math.min(...orders.map((order, index) => weight * ((1 - 1 / order) * rdp[index]! - logGamma / order)));
  return orders.map((order, index) => rdp[index]! + second + selecting(order));
}

/** More runs than anybody waits for; the law's tail beyond is shorter than a 53-bit uniform can tell. */
const MOST_REPEATS = 1_000_000;

/**
 * The number of runs by inversion of the law at `uniform`, in [0, 1) and secret: from the platform's secure generator, never shown or kept.
 * Edge case: at most a million.
 */
export function drawRepeats(law: RepeatLaw, uniform: number): number {
  checkLaw(law);
  if (!(uniform >= 0 && uniform < 1)) throw lawError('uniform number', 'from 0 to below 1', uniform);
  const { mean } = law;
  const shape = law.kind === 'poisson' ? 0 : law.shape;
  const logGamma = law.kind === 'poisson' ? 0 : logGammaOf(shape, mean);
  const share = -Math.expm1(logGamma);
  // ln P(K = k) from that of k - 1: Poisson from k = 0, the others from k = 1.
  let repeats = law.kind === 'poisson' ? 0 : 1;
  let logMass = law.kind === 'poisson' ? -mean : Math.log(share * (shape === 0 ? 1 / -logGamma : shape / Math.expm1(-shape * logGamma)));
  let below = Math.exp(logMass);
  while (uniform >= below && repeats < MOST_REPEATS) {
    repeats++;
    logMass += law.kind === 'poisson' ? Math.log(mean / repeats) : Math.log(share * ((repeats - 1 + shape) / repeats));
    below += Math.exp(logMass);
  }
  return checkInteger('number of runs', repeats);
}

/**
 * The number of runs beyond which a Poisson law of this mean has less than `error` left, and what it has left: a sampler that draws no more is within that total
 * variation of the law. Chernoff's bound: P(K > k) <= exp(k + 1 - mean) (mean / (k + 1))^(k + 1).
 */
export function mostPoissonRepeats(mean: number, error: number): { readonly most: number; readonly tail: number } {
  checkPositive('mean number of runs', mean);
  checkPositive('error', error);
  for (let most = Math.ceil(mean); ; most++) {
    const tail = Math.exp(most + 1 - mean + (most + 1) * Math.log(mean / (most + 1)));
    if (tail <= error) return { most, tail };
  }
}
