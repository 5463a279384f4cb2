import relaxedUrl from './kernels.relaxed.wasm?url';
import simdUrl from './kernels.simd.wasm?url';
import { expect, it } from 'vitest';
import { multipliesIntegersFaster } from './module.ts';
import { describeIntegerLinear } from './testing/describe-integer-linear.ts';

const file = (url: string) => async () => (await fetch(url)).arrayBuffer();

it('an x86 processor is told from an ARM one by what the relaxed build makes of NaN', () => {
  // Chromium's own word for the processor; a Mac says x86 on both kinds, so nothing is claimed there.
  const isX86 = /x86_64|Win64; x64/.test(navigator.userAgent);
  if (isX86) expect(multipliesIntegersFaster('relaxed')).toBe(true);
  expect(multipliesIntegersFaster('relaxed')).toBe(multipliesIntegersFaster('relaxed'));
});

describeIntegerLinear('relaxed', { simd: file(simdUrl), relaxed: file(relaxedUrl) });
