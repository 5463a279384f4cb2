import { add, divide, fromNumber, log, log1p, multiply, negate, PI, sineAndCosine, squareRoot, type DoubleDouble } from '../ground/double-double.ts';

/** (w0 w1 w2 + 1/2) as a fraction of its range, where w0 counts in units of `unit`; exact. */
function fractionOf(w0: number, w1: number, w2: number, unit: number): DoubleDouble {
  const low = add(fromNumber(w1 * 2 ** -32), fromNumber((w2 + 0.5) * 2 ** -64));
  return multiply(add(fromNumber(w0), low), fromNumber(unit));
}

function roundExact(value: DoubleDouble): number {
  const nearest = Math.round(value.high);
  const rest = value.high - nearest + value.low;
  return rest >= 0.5 ? nearest + 1 : rest < -0.5 ? nearest - 1 : nearest;
}

/** The pair of `boxMuller` again, with about 30 digits, rounded to integers. Relative error before rounding below 2^-94. */
export function exactPair(words: Uint32Array, at: number, sigma: number): readonly [along: number, across: number] {
  const w0 = words[at]!;
  const w1 = words[at + 1]!;
  const w2 = words[at + 2]!;
  const logU = w0 < 0x80000000 ? log(fractionOf(w0, w1, w2, 2 ** -32)) : log1p(negate(fractionOf(~w0 >>> 0, ~w1 >>> 0, ~w2 >>> 0, 2 ** -32)));
  const radius = multiply(squareRoot(multiply(fromNumber(-2), logU)), fromNumber(sigma));
  const turn = fractionOf(words[at + 3]! & 0x1fffffff, words[at + 4]!, words[at + 5]!, 2 ** -29);
  const { sine, cosine } = sineAndCosine(multiply(divide(PI, fromNumber(4)), turn));
  return [roundExact(multiply(radius, cosine)), roundExact(multiply(radius, sine))];
}
