/** 2/sqrt(pi). */
const TWO_OVER_SQRT_PI = 1.1283791670955126;
const LN_SQRT_TWO_PI = 0.9189385332046727;

/** Step of the trapezoid rule below; its error after the pole correction is about exp(-(pi/h)^2) = 7e-18. */
const STEP = 0.5;
/** exp(-t^2) at t = 0.5, 1, ..., 6.5; the next term is below 6e-22. */
const nodes = Array.from({ length: 13 }, (_, k) => ((k + 1) * STEP) ** 2);
const weights = nodes.map((square) => Math.exp(-square));

/** What the pole at t = ix adds to the trapezoid rule: 2 exp(x^2) / (1 - exp(2 pi x / h)), below 1e-33 from x = 6 on. */
function poleCorrection(x: number): number {
  return x > 6 ? 0 : (2 * Math.exp(x * x)) / (1 - Math.exp((2 * Math.PI * x) / STEP));
}

/** Scaled complementary error function exp(x^2) erfc(x) for x >= 0.5. */
function scaledErfcTail(x: number): number {
  // Trapezoid rule for (2x/pi) int_0^inf exp(-t^2)/(x^2+t^2) dt (Matta & Reichel 1971): all terms positive.
  const square = x * x;
  let sum = 0;
  for (let k = nodes.length - 1; k >= 0; k--) sum += weights[k]! / (square + nodes[k]!);
  return ((STEP * x) / Math.PI) * (1 / square + 2 * sum) + poleCorrection(x);
}

/** exp(-x^2) with a relative error of an ulp or two: the square is split into an exact part and a small rest. */
function expMinusSquare(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

/** Maclaurin series of erf with its exponential taken out: every term positive, for |x| <= 0.5. */
function erfSeries(x: number): number {
  const twoSquare = 2 * x * x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= twoSquare / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * Math.exp(-x * x) * sum;
}

/** Error function. Relative error about 1e-15. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x === 0) return x;
  if (Math.abs(x) <= 0.5) return erfSeries(x);
  return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
}

/** Complementary error function 1 - erf(x). Relative error about 1e-15, also in the far tail; 0 from x = 27.3 on. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x < -0.5) return 2 - erfc(-x);
  if (x <= 0.5) return 1 - erf(x);
  if (x > 40) return 0;
  return expMinusSquare(x) * scaledErfcTail(x);
}

/** exp(x^2) erfc(x), which neither under- nor overflows for x >= 0. Infinity below x = -26.6. */
export function scaledErfc(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x === Infinity) return 0;
  return x >= 0.5 ? scaledErfcTail(x) : erfc(x) / expMinusSquare(x);
}

/**
 * -d/dx scaledErfc(x) = 2/sqrt(pi) - 2x scaledErfc(x), without the cancellation of that form.
 * From x = 1 on it is the trapezoid rule for (4/pi) int_0^inf t^2 exp(-t^2)/(x^2+t^2) dt.
 */
export function scaledErfcFall(x: number): number {
  if (x < 1) return TWO_OVER_SQRT_PI - 2 * x * scaledErfc(x);
  const square = x * x;
  let sum = 0;
  for (let k = nodes.length - 1; k >= 0; k--) sum += (nodes[k]! * weights[k]!) / (square + nodes[k]!);
  return (4 / Math.PI) * STEP * sum - 2 * x * poleCorrection(x);
}

/** ln erfc(x), finite for every finite x whose square is. */
export function logErfc(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x < -0.5) return Math.LN2 + Math.log1p(-erfc(-x) / 2);
  if (x <= 0.5) return Math.log1p(-erf(x));
  if (x === Infinity) return -Infinity;
  return Math.log(scaledErfcTail(x)) - x * x;
}

/** Coefficients B_2k / (2k (2k - 1)) of Stirling's series, k = 1, 2, ... */
const stirling = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400];

/** ln Gamma(x) for x > 0; NaN elsewhere. Absolute error below 2e-14 up to 12, relative 1e-15 above. */
export function lnGamma(x: number): number {
  if (!(x > 0)) return NaN;
  if (x === Infinity) return Infinity;
  // Stirling's series is good to 1e-17 from 12 on; below, Gamma(x) = Gamma(x + n) / (x (x + 1) ... (x + n - 1)).
  let product = 1;
  let shifted = x;
  while (shifted < 12) product *= shifted++;
  const inverseSquare = 1 / (shifted * shifted);
  let series = 0;
  for (let k = stirling.length - 1; k >= 0; k--) series = series * inverseSquare + stirling[k]!;
  return (shifted - 0.5) * Math.log(shifted) - shifted + LN_SQRT_TWO_PI + series / shifted - Math.log(product);
}

/** P(Z <= x) of the standard normal distribution. */
export function normalCdf(x: number): number {
  return erfc(-x * Math.SQRT1_2) / 2;
}

/** ln P(Z <= x), accurate in the far left tail. */
export function logNormalCdf(x: number): number {
  return logErfc(-x * Math.SQRT1_2) - Math.LN2;
}

/** x with P(Z <= x) = p. Edge cases: -Infinity at 0, Infinity at 1, NaN outside [0, 1]. Error about 1e-15 of max(1, |x|). */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (p === 0.5) return 0;
  if (p > 0.5) return -normalQuantile(1 - p);
  // ln cdf is concave and rises, so Newton's steps from the left of the root climb to it and never pass it.
  // The Chernoff bound cdf(-t) <= exp(-t^2/2)/2 gives a start on the left.
  const target = Math.log(p);
  let x = -Math.sqrt(-2 * target);
  for (let iteration = 0; iteration < 60; iteration++) {
    const logCdf = logNormalCdf(x);
    const slope = Math.exp(-(x * x) / 2 - LN_SQRT_TWO_PI - logCdf);
    const step = (target - logCdf) / slope;
    x += step;
    if (Math.abs(step) <= 1e-15 * Math.max(1, Math.abs(x))) break;
  }
  return x;
}
