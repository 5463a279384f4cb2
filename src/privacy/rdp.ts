/**
 * Renyi differential privacy of the Poisson-subsampled Gaussian mechanism (Mironov, Talwar & Zhang 2019, arXiv 1908.10530), sensitivity 1,
 * zero-out and add/remove adjacency. RDP adds up under composition; `rdpToEpsilon` turns a curve into (epsilon, delta).
 */
import { checkInteger, checkNonNegative, checkPositive, checkProbability } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { checkDelta } from './gaussian.ts';

/** 1.01 to 10.9 in small steps, whole orders to 64, then wider: tiny budgets find their best order in the hundreds and thousands. */
export const defaultOrders: readonly number[] = [
  1.01, 1.02, 1.05,
  ...Array.from({ length: 99 }, (_, index) => (index + 11) / 10),
  ...Array.from({ length: 54 }, (_, index) => index + 11),
  72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048, 3072, 4096,
];

export function checkOrders(orders: readonly number[]): void {
  if (orders.length === 0) throw orderError('none');
  for (const order of orders) if (!(order > 1 && Number.isFinite(order))) throw orderError(String(order));
}

function orderError(found: string): BedsideError {
  return new BedsideError('privacy/order', 'settings', `A Renyi order must be a finite number above 1, found ${found}.`, 'Use the default orders.', { found });
}

/** Infinity is a release without noise. */
export function checkRdp(value: number): void {
  if (!(value >= 0)) throw new BedsideError('privacy/rdp', 'internal', `RDP must be 0 or more, found ${value}.`, 'Report this.', { found: String(value) });
}

function checkNoise(noiseMultiplier: number): void {
  if (!(noiseMultiplier >= 0)) throw new BedsideError('privacy/noise-multiplier', 'settings', `The noise multiplier must be 0 or more, found ${noiseMultiplier}.`, 'It is the noise\'s standard deviation over the clip norm.', { found: String(noiseMultiplier) });
}

/** ln(sum of exp(terms)). */
function logSum(terms: readonly number[]): number {
  const largest = terms.reduce((max, term) => Math.max(max, term), -Infinity);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0));
}

/** ln(exp(x) - 1) for x > 0. */
function logExpm1(x: number): number {
  return x > 37 ? x : Math.log(Math.expm1(x));
}

/**
 * ln(A - 1) at a whole order, A = sum_i C(a, i) (1 - q)^(a - i) q^i exp((i^2 - i) / 2 sigma^2) (equation 3.3 there). The binomial weights sum to 1,
 * so A - 1 is the same sum with exp(..) - 1 in place of exp(..): all terms positive, nothing cancels however small A - 1 is.
 */
function logExcessOfWholeOrder(q: number, sigma: number, order: number): number {
  const logQ = Math.log(q);
  const logRest = Math.log1p(-q);
  let logChoose = Math.log(order);
  const terms: number[] = [];
  for (let i = 2; i <= order; i++) {
    logChoose += Math.log((order - i + 1) / i);
    terms.push(logChoose + i * logQ + (order - i) * logRest + logExpm1((i * i - i) / (2 * sigma * sigma)));
  }
  return logSum(terms);
}

/** Below this noise the grid of the quadrature grows too fine; the next whole order is an upper bound. */
const LEAST_SIGMA_OF_QUADRATURE = 0.05;

/**
 * ln(A - 1) at any order a: with y = q (exp((2x - 1) / 2 sigma^2) - 1), which has mean 0 under N(0, sigma^2),
 * A - 1 = E[(1 + y)^a - 1 - a y], and the integrand is never negative (Bernoulli).
 * The trapezoid rule on the whole line converges exponentially for a function analytic in a strip: here |Im x| < pi sigma^2, where 1 + y first
 * vanishes. In u = x / sigma the step h below leaves an error of exp(-2 pi (pi sigma) / h) and exp(-2 pi^2 / h^2), relative 1e-14.
 */
function logExcessOfAnyOrder(q: number, sigma: number, order: number): number {
  const step = Math.min(0.25, 0.4 * sigma);
  const terms: number[] = [];
  // The weight of u is exp(-u^2/2) times at most exp(a u / sigma): centred between 0 and a / sigma, and 10 deviations out it is gone.
  const first = Math.floor(-10 / step);
  const last = Math.ceil((order / sigma + 10) / step);
  for (let k = first; k <= last; k++) {
    const u = k * step;
    const logRatio = (2 * u * sigma - 1) / (2 * sigma * sigma);
    terms.push(logBernoulliExcess(q, logRatio, order) - (u * u) / 2);
  }
  return logSum(terms) + Math.log(step) - 0.9189385332046727;
}

/** ln((1 + y)^a - 1 - a y) for y = q (exp(logRatio) - 1). */
function logBernoulliExcess(q: number, logRatio: number, order: number): number {
  if (logRatio > 30) {
    // y = q exp(logRatio), may overflow: stay in logarithms. 1 + a y is then at most a share of the power.
    const logPower = order * Math.log1p(-q + q * Math.exp(Math.min(logRatio, 700)));
    const log = logRatio > 700 ? order * (Math.log(q) + logRatio) : logPower;
    const logLinear = logRatio > 700 ? Math.log(order * q) + logRatio : Math.log1p(order * q * Math.expm1(logRatio));
    return log + Math.log(-Math.expm1(Math.min(0, logLinear - log)));
  }
  const y = q * Math.expm1(logRatio);
  if (Math.abs(order * y) < 1e-2) {
    // Taylor from the square on; eight terms leave a relative 1e-15.
    let term = (order * (order - 1) * y * y) / 2;
    let sum = term;
    for (let k = 3; k <= 10; k++) {
      term *= ((order - k + 1) * y) / k;
      sum += term;
    }
    return Math.log(sum);
  }
  const logPower = order * Math.log1p(y);
  if (logPower > 600) return logPower + Math.log(-Math.expm1(Math.log1p(order * y) - logPower));
  return Math.log(Math.expm1(logPower) - order * y);
}

/**
 * RDP at `order` of one release of the Poisson-subsampled Gaussian, exact to a relative 1e-11 (tested to 1e-12 against 40-digit values).
 * Edge cases: 0 at rate 0; order / (2 sigma^2) at rate 1; Infinity without noise. Below a noise multiplier of 0.05 a broken order takes the value
 * of the next whole one, an upper bound (RDP rises with the order).
 */
export function rdpOfPoissonGaussian(samplingRate: number, noiseMultiplier: number, order: number): number {
  checkProbability('sampling rate', samplingRate);
  checkNoise(noiseMultiplier);
  checkOrders([order]);
  if (samplingRate === 0 || noiseMultiplier === Infinity) return 0;
  if (noiseMultiplier === 0) return Infinity;
  if (samplingRate === 1) return order / (2 * noiseMultiplier * noiseMultiplier);
  const isWhole = Number.isInteger(order) || noiseMultiplier < LEAST_SIGMA_OF_QUADRATURE;
  const logExcess = isWhole ? logExcessOfWholeOrder(samplingRate, noiseMultiplier, Math.ceil(order)) : logExcessOfAnyOrder(samplingRate, noiseMultiplier, order);
  const effectiveOrder = isWhole ? Math.ceil(order) : order;
  // ln A = ln(1 + exp(logExcess)).
  const logA = logExcess > 37 ? logExcess : Math.log1p(Math.exp(logExcess));
  const value = logA / (effectiveOrder - 1);
  return Number.isNaN(value) ? Infinity : value;
}

/**
 * Epsilon at `delta` from RDP at one order: Balle et al. 2020 theorem 21, Canonne, Kamath & Steinke 2020 proposition 12. May be negative:
 * the release is then (0, delta)-private.
 */
export function epsilonOfOrder(rdp: number, order: number, delta: number): number {
  checkRdp(rdp);
  if (!(order > 1 && Number.isFinite(order))) throw orderError(String(order));
  checkPositive('delta', delta);
  return rdp + Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1);
}

export interface RdpEpsilon {
  readonly epsilon: number;
  /** The order that gave it; null where none was needed. */
  readonly order: number | null;
  /** The best order is the first or last tried: another might do better. */
  readonly isOrderAtEdge: boolean;
}

/**
 * The least epsilon over all orders of a curve.
 * Also (0, delta)-private where the total variation is at most delta: TV <= sqrt(1 - exp(-KL)) (Bretagnolle & Huber), KL <= RDP at any order.
 * Edge cases: 0 for an all-zero curve and for delta >= 1; Infinity for delta = 0 otherwise, and where no order is finite.
 */
export function rdpToEpsilon(orders: readonly number[], rdp: readonly number[], delta: number): RdpEpsilon {
  checkOrders(orders);
  checkDelta(delta);
  if (rdp.length !== orders.length) throw orderError(`${rdp.length} values for ${orders.length} orders`);
  if (rdp.every((value) => value === 0) || delta >= 1) return { epsilon: 0, order: null, isOrderAtEdge: false };
  if (delta === 0) return { epsilon: Infinity, order: null, isOrderAtEdge: false };
  let best = Infinity;
  let bestIndex = -1;
  for (const [index, order] of orders.entries()) {
    const value = rdp[index]!;
    checkRdp(value);
    // No order is the best one then: the bound does not go through the conversion.
    if (-Math.expm1(-value) <= delta * delta) return { epsilon: 0, order: null, isOrderAtEdge: false };
    const epsilon = epsilonOfOrder(value, order, delta);
    if (epsilon < best) {
      best = epsilon;
      bestIndex = index;
    }
  }
  if (bestIndex < 0) return { epsilon: Infinity, order: null, isOrderAtEdge: false };
  const order = orders[bestIndex]!;
  return { epsilon: Math.max(0, best), order, isOrderAtEdge: best > 0 && (order === Math.min(...orders) || order === Math.max(...orders)) };
}

/** Epsilon after `steps` releases of one Poisson-subsampled Gaussian. */
export function rdpEpsilon(setting: { readonly samplingRate: number; readonly noiseMultiplier: number; readonly steps: number; readonly delta: number; readonly orders?: readonly number[] }): RdpEpsilon {
  const { samplingRate, noiseMultiplier, steps, delta, orders = defaultOrders } = setting;
  checkInteger('steps', steps);
  checkNonNegative('delta', delta);
  if (steps === 0) {
    checkProbability('sampling rate', samplingRate);
    checkNoise(noiseMultiplier);
    return { epsilon: 0, order: null, isOrderAtEdge: false };
  }
  return rdpToEpsilon(orders, orders.map((order) => steps * rdpOfPoissonGaussian(samplingRate, noiseMultiplier, order)), delta);
}
