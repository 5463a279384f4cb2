import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { randomBert } from '../model/random-bert.ts';
import { instantiateKernels } from './module.ts';
import { plainBuildDigest } from './testing/plain-build-digest.ts';
import { describeBuild, digest, fixedResults, smallShape } from './testing/describe-build.ts';
import { createWasmOperations } from './wasm-operations.ts';

const binaries = {
  simd: () => readFile(new URL('./kernels.simd.wasm', import.meta.url)),
  relaxed: () => readFile(new URL('./kernels.relaxed.wasm', import.meta.url)),
};

// Node 20 runs the relaxed build only under a flag; the browser test holds it to the same list.
describeBuild('simd', binaries);

it('the plain build gives the same bits here as everywhere', async () => {
  expect(digest(await fixedResults(binaries, 'simd'))).toBe(plainBuildDigest);
});

describe('refusals', () => {
  it('names the loading of weights as missing', async () => {
    const operations = createWasmOperations(await instantiateKernels(binaries, 'simd'));
    expect(() => operations.layerNorm(0, 'outputNorm', operations.zeros(32), 1)).toThrow('weights are loaded before any operation');
  });

  it.each([
    { shape: { ...smallShape, width: 36, heads: 3 }, message: 'the width to be a multiple of 8, found 36' },
    { shape: { ...smallShape, feedForwardWidth: 70 }, message: 'the feed-forward width to be a multiple of 8, found 70' },
    { shape: { ...smallShape, width: 24, heads: 4 }, message: 'the width of a head to be a multiple of 4, found 6' },
  ])('$message', async ({ shape, message }) => {
    const operations = createWasmOperations(await instantiateKernels(binaries, 'simd'));
    expect(() => operations.load(randomBert(shape, 1))).toThrow(message);
  });

  it('does not release a buffer twice', async () => {
    const operations = createWasmOperations(await instantiateKernels(binaries, 'simd'));
    const buffer = operations.zeros(4);
    operations.release(buffer);
    expect(() => operations.release(buffer)).toThrow('released once');
  });
});
