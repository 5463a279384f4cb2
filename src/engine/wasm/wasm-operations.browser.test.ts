import { expect, it } from 'vitest';
import relaxedUrl from './kernels.relaxed.wasm?url';
import simdUrl from './kernels.simd.wasm?url';
import { supportedBuild } from './module.ts';
import { describeBuild, digest, fixedResults } from './testing/describe-build.ts';
import { plainBuildDigest } from './testing/plain-build-digest.ts';

const file = (url: string) => async () => (await fetch(url)).arrayBuffer();
const binaries = { simd: file(simdUrl), relaxed: file(relaxedUrl) };

it('the relaxed build is chosen here', () => {
  expect(supportedBuild()).toBe('relaxed');
});

describeBuild('relaxed', binaries);

it('the plain build gives the same bits in a browser as in Node', async () => {
  expect(digest(await fixedResults(binaries, 'simd'))).toBe(plainBuildDigest);
});

it('the relaxed build differs from the plain one by roundings only', async () => {
  const [plain, relaxed] = [await fixedResults(binaries, 'simd'), await fixedResults(binaries, 'relaxed')];
  const largest = plain.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  // Some twenty operations in a row, each within 1e-5 of the reference.
  for (const [i, value] of plain.entries()) expect(Math.abs(relaxed[i]! - value)).toBeLessThanOrEqual(2e-4 * largest);
});
