import { describe, expect, it } from 'vitest';
import { fftErrorShare, inverseRealFft, realFft } from './fft.ts';
import { mulberry32 } from './random.ts';

function randomNumbers(length: number, seed: number): Float64Array<ArrayBuffer> {
  const random = mulberry32(seed);
  return Float64Array.from({ length }, () => random() - 0.3);
}

/** The definition, term by term. */
function directTransform(x: Float64Array): { re: Float64Array; im: Float64Array } {
  const n = x.length;
  const re = new Float64Array(n / 2 + 1);
  const im = new Float64Array(n / 2 + 1);
  for (let k = 0; k <= n / 2; k++) {
    for (let j = 0; j < n; j++) {
      // The product modulo n keeps the angle, and with it its rounding, small.
      const angle = (-2 * Math.PI * ((j * k) % n)) / n;
      re[k]! += x[j]! * Math.cos(angle);
      im[k]! += x[j]! * Math.sin(angle);
    }
  }
  return { re, im };
}

const largest = (values: Iterable<number>) => Math.max(...Array.from(values, Math.abs));
const magnitude = (x: Float64Array) => x.reduce((sum, value) => sum + Math.abs(value), 0);

describe('realFft', () => {
  it.each([8, 16, 32, 64, 128, 512, 1024])('agrees with the definition at length %i, within the stated bound', (n) => {
    const x = randomNumbers(n, n);
    const [ours, direct] = [realFft(x), directTransform(x)];
    // The definition's own rounding: n terms, each good to about two ulp of its size.
    const slack = (fftErrorShare(n) + n * 2 ** -52) * magnitude(x);
    expect(largest(ours.re.map((value, k) => value - direct.re[k]!))).toBeLessThan(slack);
    expect(largest(ours.im.map((value, k) => value - direct.im[k]!))).toBeLessThan(slack);
  });

  it('is undone by its inverse, at even and odd powers of two', () => {
    for (const n of [8, 16, 4096, 8192, 2 ** 17]) {
      const x = randomNumbers(n, 3);
      const back = inverseRealFft(realFft(x));
      // Rounding of white noise grows like sqrt(log n); 30 ulp is four times what is seen.
      expect(largest(back.map((value, j) => value - x[j]!).subarray(0, 5000))).toBeLessThan(30 * 2 ** -53);
    }
  });

  it('turns products into cyclic convolution', () => {
    const [a, b] = [randomNumbers(32, 1), randomNumbers(32, 2)];
    const [fa, fb] = [realFft(a), realFft(b)];
    const re = fa.re.map((value, k) => value * fb.re[k]! - fa.im[k]! * fb.im[k]!);
    const im = fa.re.map((value, k) => value * fb.im[k]! + fa.im[k]! * fb.re[k]!);
    const ours = inverseRealFft({ re, im });
    for (let j = 0; j < 32; j++) {
      let direct = 0;
      for (let i = 0; i < 32; i++) direct += a[i]! * b[(j - i + 32) % 32]!;
      // 32 products below 0.5 each.
      expect(Math.abs(ours[j]! - direct)).toBeLessThan(1e-14);
    }
  });

  it('keeps its stated bound where the answer is known at length 2^20: a geometric series', () => {
    const n = 2 ** 20;
    const r = 1 - 2 ** -10;
    const { re, im } = realFft(Float64Array.from({ length: n }, (_, j) => r ** j));
    const sum = 1 / (1 - r);
    for (const k of [0, 1, 2, 3, 1000, 100_001, n / 4 - 1, n / 2]) {
      // 1 / (1 - r w) with w = exp(-2 pi i k/n); r^n is below 1e-400. 1 - r cos in a form that does not cancel.
      const angle = (2 * Math.PI * k) / n;
      const real = 1 - r + 2 * r * Math.sin(angle / 2) ** 2;
      const imaginary = r * Math.sin(angle);
      const square = real * real + imaginary * imaginary;
      expect(Math.abs(re[k]! - real / square)).toBeLessThan(fftErrorShare(n) * sum);
      expect(Math.abs(im[k]! + imaginary / square)).toBeLessThan(fftErrorShare(n) * sum);
    }
  });

  it('refuses lengths that are no power of two, and short ones', () => {
    for (const length of [0, 4, 12, 100]) expect(() => realFft(new Float64Array(length))).toThrow(/8, 16, 32/);
    expect(() => inverseRealFft({ re: new Float64Array(4), im: new Float64Array(4) })).toThrow(/8, 16, 32/);
  });
});
