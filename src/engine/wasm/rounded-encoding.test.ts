import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createEngine, type EngineOptions } from '../bert.ts';
import { randomBert } from '../model/random-bert.ts';
import { caseValues } from '../operations/operation-case.ts';
import { instantiateKernels } from './module.ts';
import { smallShape } from './testing/describe-build.ts';
import { createWasmOperations } from './wasm-operations.ts';

const file = (build: string) => () => readFile(new URL(`./kernels.${build}.wasm`, import.meta.url));
const offsets = Int32Array.of(0, 7, 8, 48);
const batch = { ids: Int32Array.from({ length: 48 }, (_, t) => (t * 37) % smallShape.vocabularySize), offsets };
const adapter = { classes: 3, lora: { rank: 2, alpha: 4, targets: ['query', 'value'], layers: [1] } } as const;

async function open(options: EngineOptions) {
  const operations = createWasmOperations(await instantiateKernels({ simd: file('simd'), relaxed: file('relaxed') }, 'simd'));
  const engine = createEngine(operations, randomBert(smallShape, 5), options);
  const { length } = engine.configure(adapter);
  engine.setParameters(caseValues(length, 41, 0.2));
  return { operations, engine };
}

it('encodes near what it would without rounding, a row as it would alone, and from buffers that were planned', async () => {
  const [{ engine, operations }, { engine: exact }] = [await open({ roundsEncoding: true }), await open({})];
  const [rounded, wanted] = [await engine.encode(batch, [0, 1, 2]), await exact.encode(batch, [0, 1, 2])];
  const largest = wanted.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  const worst = rounded.reduce((found, value, i) => Math.max(found, Math.abs(value - wanted[i]!)), 0);
  // Inputs to 15 bits of a row's largest, through eight maps.
  expect(worst).toBeLessThan(1e-3 * largest);
  // It does round.
  expect(worst).toBeGreaterThan(0);
  const alone = await engine.encode({ ids: batch.ids.slice(8), offsets: Int32Array.of(0, 40) }, [0, 1, 2]);
  expect(rounded.slice(-alone.length)).toEqual(alone);
  expect(operations.steps?.unplannedBuffers).toBe(0);
});

it('rounds nothing that trains, before or after it encodes, or fails to', async () => {
  const [{ engine }, { engine: exact }] = [await open({ roundsEncoding: true }), await open({})];
  const all = async (one: typeof engine) => [await one.hidden(batch, 2), await one.logits(batch), (await one.gradients(batch, Int32Array.of(0, 1, 2))).gradients];
  const wanted = await all(exact);
  expect(await all(engine)).toEqual(wanted);
  await engine.encode(batch, [2]);
  expect(await all(engine)).toEqual(wanted);
  await expect(engine.encode({ ids: Int32Array.of(smallShape.vocabularySize), offsets: Int32Array.of(0, 1) }, [2])).rejects.toThrow();
  expect(await all(engine)).toEqual(wanted);
});
