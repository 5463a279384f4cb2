import { expect, it } from 'vitest';
import { expectedNoiseDigest, noiseDigest } from './testing/noise-digest.ts';

it('Chromium draws, from the same random bits, the very integers that Node draws', async () => {
  expect(await noiseDigest()).toBe(expectedNoiseDigest);
});
