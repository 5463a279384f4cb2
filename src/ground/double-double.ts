/**
 * Numbers of twice float64's precision as an unevaluated sum high + low, |low| <= ulp(high)/2 (Dekker 1971; Hida, Li & Bailey 2001).
 * About 30 digits; for the few places where float64 leaves a rounding undecided. Results carry a relative error below 2^-98.
 */
export interface DoubleDouble {
  readonly high: number;
  readonly low: number;
}

export const PI: DoubleDouble = { high: 3.141592653589793, low: 1.2246467991473532e-16 };
export const LN2: DoubleDouble = { high: 0.6931471805599453, low: 2.3190468138462996e-17 };
const ONE: DoubleDouble = { high: 1, low: 0 };

/** The sum of two numbers and its rounding error, exactly. */
function twoSum(a: number, b: number): DoubleDouble {
  const high = a + b;
  const part = high - a;
  return { high, low: a - (high - part) + (b - part) };
}

/** As twoSum, for |a| >= |b|. */
function quickTwoSum(a: number, b: number): DoubleDouble {
  const high = a + b;
  return { high, low: b - (high - a) };
}

/** The product of two numbers below 2^996 and its rounding error, exactly: each factor is split into halves of 26 bits. */
function twoProduct(a: number, b: number): DoubleDouble {
  const high = a * b;
  const splitA = 134217729 * a;
  const highA = splitA - (splitA - a);
  const lowA = a - highA;
  const splitB = 134217729 * b;
  const highB = splitB - (splitB - b);
  const lowB = b - highB;
  return { high, low: highA * highB - high + highA * lowB + lowA * highB + lowA * lowB };
}

export function fromNumber(value: number): DoubleDouble {
  return { high: value, low: 0 };
}

export function add(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const highs = twoSum(a.high, b.high);
  const lows = twoSum(a.low, b.low);
  const first = quickTwoSum(highs.high, highs.low + lows.high);
  return quickTwoSum(first.high, first.low + lows.low);
}

export function negate(a: DoubleDouble): DoubleDouble {
  return { high: -a.high, low: -a.low };
}

export function multiply(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const product = twoProduct(a.high, b.high);
  return quickTwoSum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

export function divide(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const first = a.high / b.high;
  const rest = add(a, negate(multiply(b, fromNumber(first))));
  const second = rest.high / b.high;
  const last = add(rest, negate(multiply(b, fromNumber(second))));
  return add(quickTwoSum(first, second), fromNumber(last.high / b.high));
}

/** Square root of a number >= 0: one Newton step from the float64 root doubles its digits. */
export function squareRoot(a: DoubleDouble): DoubleDouble {
  if (a.high === 0) return a;
  const root = Math.sqrt(a.high);
  const rest = add(a, negate(twoProduct(root, root)));
  return quickTwoSum(root, rest.high / (2 * root));
}

/** ln(1 + a) for -1/2 <= a <= 1, with full relative precision near 0. */
export function log1p(a: DoubleDouble): DoubleDouble {
  // ln(1 + a) = 2 artanh(s), s = a / (2 + a), |s| <= 1/3: 33 odd terms bring s^(2k+1) below 2^-106.
  const s = divide(a, add(a, fromNumber(2)));
  const square = multiply(s, s);
  let sum: DoubleDouble = fromNumber(0);
  for (let k = 33; k >= 0; k--) sum = add(multiply(sum, square), divide(ONE, fromNumber(2 * k + 1)));
  return multiply(multiply(s, sum), fromNumber(2));
}

/** Natural logarithm of a number above 0. */
export function log(a: DoubleDouble): DoubleDouble {
  const exponent = Math.floor(Math.log2(a.high));
  const scale = 2 ** -exponent;
  const mantissa = add({ high: a.high * scale, low: a.low * scale }, fromNumber(-1));
  return add(multiply(LN2, fromNumber(exponent)), log1p(mantissa));
}

/** Sine and cosine of an angle in [0, pi/4] radians, by their Taylor series. */
export function sineAndCosine(angle: DoubleDouble): { readonly sine: DoubleDouble; readonly cosine: DoubleDouble } {
  const square = negate(multiply(angle, angle));
  let sine: DoubleDouble = ONE;
  let cosine: DoubleDouble = ONE;
  for (let k = 14; k >= 1; k--) {
    sine = add(ONE, divide(multiply(sine, square), fromNumber(2 * k * (2 * k + 1))));
    cosine = add(ONE, divide(multiply(cosine, square), fromNumber((2 * k - 1) * 2 * k)));
  }
  return { sine: multiply(sine, angle), cosine };
}
