import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UnitBatch } from '../engine/engine.ts';
import { nanoModel } from '../engine/model/nano.ts';
import { openWebGpu, type Backend } from './backend.ts';

const { submit } = GPUQueue.prototype;
/** Submissions that the chip has not yet finished. */
let unfinished = 0;
let backend: Backend;

beforeAll(async () => {
  Object.assign(GPUQueue.prototype, {
    submit(this: GPUQueue, ...args: Parameters<GPUQueue['submit']>) {
      submit.apply(this, args);
      unfinished++;
      void this.onSubmittedWorkDone().then(() => unfinished--);
    },
  });
  backend = await openWebGpu();
});
afterAll(() => {
  Object.assign(GPUQueue.prototype, { submit });
  backend.close();
});

/** Submissions under way at each rest of a private step of four micro-batches. */
async function unfinishedAtRests(leavesRoom: boolean): Promise<number[]> {
  backend.leaveRoom(leavesRoom);
  const found: number[] = [];
  const engine = await backend.engine(nanoModel(1).weights, async () => void found.push(unfinished));
  engine.setParameters(new Float32Array(engine.configure({ classes: 3, lora: { rank: 4, alpha: 8, targets: ['query', 'value'], layers: [0, 1] } }).length).fill(0.01));
  const rows = 32;
  // Eight rows fill a micro-batch of 1,024 tokens.
  const input = { ids: new Int32Array(rows * 128).fill(7), offsets: Int32Array.from({ length: rows + 1 }, (_, row) => 128 * row) };
  async function* units(): AsyncGenerator<UnitBatch> {
    yield { input, labels: new Int32Array(rows), unitOffsets: Int32Array.from({ length: rows + 1 }, (_, row) => row) };
  }
  await engine.clippedSum(units, { gridScale: 2 ** 20, sensitivity: 2 ** 20 });
  engine.dispose();
  return found;
}

it('a graphics chip that leaves room has nothing left to do when it is to rest', async () => {
  expect(await unfinishedAtRests(true)).toEqual([0, 0, 0, 0]);
});

it('one that does not has the next micro-batch while the last one runs', async () => {
  const found = await unfinishedAtRests(false);
  expect(found).toHaveLength(4);
  expect(Math.max(...found)).toBeGreaterThan(0);
});
