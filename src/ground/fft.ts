/** Discrete Fourier transform of real sequences of 2^m numbers, in float64. */
import { BedsideError } from './errors.ts';

/** Half of the spectrum of n real numbers, frequencies 0 to n / 2; the rest are the conjugates. */
export interface HalfSpectrum {
  readonly re: Float64Array<ArrayBuffer>;
  readonly im: Float64Array<ArrayBuffer>;
}

/**
 * What rounding adds to any frequency of `realFft`, as a share of the sum of the input's magnitudes; the same for `inverseRealFft`, as a share
 * of the mean magnitude over all n frequencies.
 * Each output is a sum of inputs times one twiddle a level, so a level multiplies the relative error of every summand by at most
 * 1 + mu + gamma_4 (sqrt 2 + mu), about 1 + 7u for twiddles good to mu = u (Higham 2002, section 24.1); packing two reals into one complex
 * number costs one level more.
 */
export function fftErrorShare(length: number): number {
  return 7 * (Math.log2(length) + 1) * 2 ** -53;
}

/** exp(-2 pi i k / n) for k below n. */
interface Twiddles {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** Angles of the first eighth alone go through sine and cosine, where their rounding matters least; symmetry gives the others to the same ulp. */
function makeTwiddles(n: number): Twiddles {
  const cos = new Float64Array(n);
  const sin = new Float64Array(n);
  const quarter = n / 4;
  for (let k = 0; k <= n / 8; k++) {
    const c = Math.cos((2 * Math.PI * k) / n);
    const s = Math.sin((2 * Math.PI * k) / n);
    // Eight places with these two numbers: k and quarter - k of each quarter turn.
    cos[k] = cos[(n - k) % n] = c;
    sin[(n - k) % n] = s;
    sin[k] = -s;
    cos[2 * quarter + k] = cos[2 * quarter - k] = -c;
    sin[2 * quarter + k] = s;
    sin[2 * quarter - k] = -s;
    cos[quarter - k] = cos[3 * quarter + k] = s;
    cos[quarter + k] = cos[3 * quarter - k] = -s;
    sin[quarter - k] = sin[quarter + k] = -c;
    sin[3 * quarter - k] = sin[3 * quarter + k] = c;
  }
  return { cos, sin };
}

/** The last few tables: two directions of one composition may need two lengths. */
const tables = new Map<number, Twiddles>();
const KEPT_TABLES = 3;

function twiddlesOf(n: number): Twiddles {
  const known = tables.get(n);
  if (known) return known;
  const made = makeTwiddles(n);
  const oldest = tables.keys().next();
  if (tables.size >= KEPT_TABLES && !oldest.done) tables.delete(oldest.value);
  tables.set(n, made);
  return made;
}

type Complex = readonly [re: Float64Array<ArrayBuffer>, im: Float64Array<ArrayBuffer>];

/** Stockham's transform of m complex numbers, radix 4: no reordering, every pass reads and writes in streams. `spare` is overwritten; returns one of the two. */
function transform(x: Complex, spare: Complex, m: number, { cos, sin }: Twiddles): Complex {
  let [[xr, xi], [yr, yi]] = [x, spare];
  const tableStride = cos.length / m;
  let length = m;
  let stride = 1;
  for (; length >= 4; length /= 4, stride *= 4) {
    const quarter = length / 4;
    for (let p = 0; p < quarter; p++) {
      const t = p * stride * tableStride;
      const c1 = cos[t]!, s1 = sin[t]!, c2 = cos[2 * t]!, s2 = sin[2 * t]!, c3 = cos[3 * t]!, s3 = sin[3 * t]!;
      for (let q = 0; q < stride; q++) {
        const a = q + stride * p;
        const b = a + stride * quarter;
        const c = b + stride * quarter;
        const d = c + stride * quarter;
        const out = q + stride * 4 * p;
        const plusRe = xr[a]! + xr[c]!, plusIm = xi[a]! + xi[c]!, minusRe = xr[a]! - xr[c]!, minusIm = xi[a]! - xi[c]!;
        const sumRe = xr[b]! + xr[d]!, sumIm = xi[b]! + xi[d]!, turnRe = xi[b]! - xi[d]!, turnIm = xr[d]! - xr[b]!;
        yr[out] = plusRe + sumRe;
        yi[out] = plusIm + sumIm;
        const r1 = minusRe + turnRe, i1 = minusIm + turnIm, r2 = plusRe - sumRe, i2 = plusIm - sumIm, r3 = minusRe - turnRe, i3 = minusIm - turnIm;
        yr[out + stride] = c1 * r1 - s1 * i1;
        yi[out + stride] = c1 * i1 + s1 * r1;
        yr[out + 2 * stride] = c2 * r2 - s2 * i2;
        yi[out + 2 * stride] = c2 * i2 + s2 * r2;
        yr[out + 3 * stride] = c3 * r3 - s3 * i3;
        yi[out + 3 * stride] = c3 * i3 + s3 * r3;
      }
    }
    [xr, xi, yr, yi] = [yr, yi, xr, xi];
  }
  if (length === 2) {
    for (let q = 0; q < stride; q++) {
      const ar = xr[q]!, ai = xi[q]!, br = xr[q + stride]!, bi = xi[q + stride]!;
      xr[q] = ar + br;
      xi[q] = ai + bi;
      xr[q + stride] = ar - br;
      xi[q + stride] = ai - bi;
    }
  }
  return [xr, xi];
}

function checkLength(n: number): void {
  if (!(n >= 8 && Number.isInteger(Math.log2(n)))) throw new BedsideError('internal/fft-length', 'internal', `A transform takes 8, 16, 32, ... numbers, found ${n}.`, 'Report this.', { found: n });
}

/** X_k = sum_j x_j exp(-2 pi i j k / n), k = 0 to n/2, of n = 2^m real numbers, n >= 8. */
export function realFft(input: Float64Array): HalfSpectrum {
  const n = input.length;
  checkLength(n);
  const half = n / 2;
  const packed: Complex = [new Float64Array(half), new Float64Array(half)];
  for (let j = 0; j < half; j++) {
    packed[0][j] = input[2 * j]!;
    packed[1][j] = input[2 * j + 1]!;
  }
  const twiddles = twiddlesOf(n);
  const [zr, zi] = transform(packed, [new Float64Array(half), new Float64Array(half)], half, twiddles);
  const re = new Float64Array(half + 1);
  const im = new Float64Array(half + 1);
  for (let k = 0; k <= half; k++) {
    const i = k % half;
    const j = (half - k) % half;
    // Even and odd numbers' own transforms, and the odd ones' delay.
    const evenRe = (zr[i]! + zr[j]!) / 2, evenIm = (zi[i]! - zi[j]!) / 2;
    const oddRe = (zi[i]! + zi[j]!) / 2, oddIm = (zr[j]! - zr[i]!) / 2;
    const c = k === half ? -1 : twiddles.cos[k]!, s = k === half ? 0 : twiddles.sin[k]!;
    re[k] = evenRe + c * oddRe - s * oddIm;
    im[k] = evenIm + c * oddIm + s * oddRe;
  }
  return { re, im };
}

/** The n real numbers whose half spectrum this is: the inverse of `realFft`, scaled by 1/n. The imaginary parts at 0 and n/2 are taken as 0. */
export function inverseRealFft({ re, im }: HalfSpectrum): Float64Array<ArrayBuffer> {
  const half = re.length - 1;
  const n = 2 * half;
  checkLength(n);
  const twiddles = twiddlesOf(n);
  // Swapping real and imaginary parts before and after turns the forward transform into the backward one.
  const swapped: Complex = [new Float64Array(half), new Float64Array(half)];
  for (let k = 0; k < half; k++) {
    const j = half - k;
    const imK = k === 0 ? 0 : im[k]!, imJ = k === 0 ? 0 : im[j]!;
    const evenRe = (re[k]! + re[j]!) / 2, evenIm = (imK - imJ) / 2;
    const differenceRe = (re[k]! - re[j]!) / 2, differenceIm = (imK + imJ) / 2;
    const c = twiddles.cos[k]!, s = -twiddles.sin[k]!;
    const oddRe = c * differenceRe - s * differenceIm, oddIm = c * differenceIm + s * differenceRe;
    swapped[1][k] = evenRe - oddIm;
    swapped[0][k] = evenIm + oddRe;
  }
  const [zi, zr] = transform(swapped, [new Float64Array(half), new Float64Array(half)], half, twiddles);
  const output = new Float64Array(n);
  for (let j = 0; j < half; j++) {
    output[2 * j] = zr[j]! / half;
    output[2 * j + 1] = zi[j]! / half;
  }
  return output;
}
