/** What the parts share: a folder, checks that are counted, made-up tasks and updates. */
import { writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { readTask, type Task } from '../../src/federation/task.ts';
import { gaussianIntegers } from '../../src/privacy/noise.ts';
import { testStream } from '../../src/privacy/testing/streams.ts';
import { sha256 } from './participant.ts';

export const COORDINATES = 4096;
const CLIP = 1;
const NOISE_MULTIPLIER = 4;

/** An update as a guard would release it: Gaussian on the integer grid, sigma in units of the clip, so that it looks like nothing but noise. */
export async function noisedUpdate(seed: number, round: number): Promise<Float32Array> {
  const grid = 2 ** 12;
  return Float32Array.from(await gaussianIntegers(testStream(seed), round, 0, COORDINATES, CLIP * NOISE_MULTIPLIER * grid), (value) => value / grid);
}

export class Scene {
  readonly total = { passed: 0, failed: 0 };

  /** `bin`: folder of flwr's commands. `folder`: for files, and removed by whoever made it. */
  constructor(readonly bin: string, readonly folder: string) {}

  check(isTrue: boolean, what: string): void {
    this.total[isTrue ? 'passed' : 'failed']++;
    if (!isTrue) console.error(`failed: ${what}`);
  }

  /** One part; where it breaks, that is a failure. */
  async part(run: (scene: Scene) => Promise<void>): Promise<void> {
    await run(this).catch((error: unknown) => this.check(false, error instanceof Error ? (error.stack ?? error.message) : String(error)));
  }

  async taskOf(name: string, rounds: number): Promise<{ readonly task: Task; readonly taskHash: string; readonly path: string }> {
    const sigma = CLIP * NOISE_MULTIPLIER;
    const file = new TextEncoder().encode(JSON.stringify({
      name, coordinator: 'a test on this machine', labels: ['a', 'b'], labelSentences: ['An a.', 'A b.'], baseModel: 'ab'.repeat(32), coordinates: COORDINATES, rounds, unit: 'row',
      clipNorm: CLIP, noiseMultiplier: NOISE_MULTIPLIER, delta: 1e-5, updateNormBound: Math.sqrt(CLIP ** 2 + sigma ** 2 * COORDINATES) + 6 * sigma,
    }));
    const path = joinPath(this.folder, `${name}.json`);
    writeFileSync(path, file);
    return { ...(await readTask(sha256, file)), path };
  }
}
