import { beforeAll, describe, expect, it } from 'vitest';
import { mulberry32 } from '../../../ground/random.ts';
import { createEngine } from '../../bert.ts';
import type { Engine, TokenBatch } from '../../engine.ts';
import { randomBert } from '../../model/random-bert.ts';
import type { BertShape } from '../../model/weights.ts';
import { operationCases } from '../../operations/cases.ts';
import { type CaseModel, caseModels, caseValues, caseWeights, offsetsOf, runCase, scaledError } from '../../operations/operation-case.ts';
import type { Operations } from '../../operations/operations.ts';
import { createReferenceOperations } from '../../reference/reference-operations.ts';
import { instantiateKernels, type KernelBinaries, type WasmBuild } from '../module.ts';
import { createWasmOperations, type WasmOperations } from '../wasm-operations.ts';

export const smallShape: BertShape = { layers: 2, width: 32, heads: 4, feedForwardWidth: 72, vocabularySize: 61, maximumPositions: 64, tokenTypes: 2, layerNormEpsilon: 1e-12 };
const classes = 3;
/** Long enough to hold every batch below in one piece, so that rows do meet. */
const maximumTokens = 4096;

/** Rows of the given lengths with ids that depend on the row's number in `rows`. */
function batchOf(lengths: readonly number[], rows: readonly number[] = [...lengths.keys()]): TokenBatch {
  const ids = lengths.flatMap((length, b) => Array.from({ length }, (_, t) => (t * 37 + rows[b]! * 11) % smallShape.vocabularySize));
  return { ids: Int32Array.from(ids), offsets: Int32Array.from(offsetsOf(lengths)) };
}

function configured(operations: Operations<number>, shape: BertShape = smallShape): { engine: Engine; parameters: number } {
  const engine = createEngine(operations, randomBert(shape, 5), { maximumTokens });
  const { length } = engine.configure({ classes, lora: { rank: 3, alpha: 6, targets: ['query', 'value'], layers: [0, 1] } });
  engine.setParameters(caseValues(length, 41, 0.2));
  return { engine, parameters: length };
}

/** All that an engine computes for a batch, row by row: outputs of every layer, logits, loss, gradient. */
async function rowResults({ engine, parameters }: { engine: Engine; parameters: number }, batch: TokenBatch, labels: readonly number[]): Promise<Float32Array[]> {
  const { width, layers } = engine.shape;
  const pooled = await engine.encode(batch, Array.from({ length: layers + 1 }, (_, layer) => layer));
  const logits = await engine.logits(batch);
  const { losses, gradients } = await engine.gradients(batch, Int32Array.from(labels));
  const row = (values: Float32Array, b: number, length: number) => values.subarray(b * length, (b + 1) * length);
  return labels.map((_, b) => Float32Array.of(...row(pooled, b, (layers + 1) * width), ...row(logits, b, classes), losses[b]!, ...row(gradients, b, parameters)));
}

/** FNV-1a over the bits of a tensor: one changed bit anywhere changes it. */
export function digest(values: Float32Array): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Results of a fixed batch, joined. */
export async function fixedResults(binaries: KernelBinaries, build: WasmBuild): Promise<Float32Array> {
  const rows = await rowResults(configured(createWasmOperations(await instantiateKernels(binaries, build))), batchOf([7, 1, 40]), [0, 1, 2]);
  return Float32Array.of(...rows.flatMap((row) => [...row]));
}

/** The tests of one build: the same in Node and in a browser. */
export function describeBuild(build: WasmBuild, binaries: KernelBinaries): void {
  const open = async () => createWasmOperations(await instantiateKernels(binaries, build));

  for (const model of Object.keys(caseModels) as CaseModel[]) {
    describe(`${build} build on ${model} agrees with the reference`, () => {
      let operations: WasmOperations;
      const reference = createReferenceOperations();
      beforeAll(async () => {
        operations = await open();
        operations.load(caseWeights(model));
        reference.load(caseWeights(model));
      });

      for (const operationCase of operationCases.filter((one) => one.model === model)) {
        it(`${operationCase.operation}: ${operationCase.name}`, async () => {
          const found = await runCase(operationCase, operations);
          expect(scaledError(found, await runCase(operationCase, reference)), operationCase.reason).toBeLessThanOrEqual(operationCase.tolerance);
          expect(operations.liveBuffers).toBe(0);
        });
      }
    });
  }

  describe(`${build} build`, () => {
    it.each([4, 8, 12, 20, 64])('attends with heads of width %i as the reference does', async (headWidth) => {
      const width = headWidth * 2;
      const weights = randomBert({ ...smallShape, width, heads: 2, feedForwardWidth: 8, layers: 1 }, 3);
      const run = async <Buffer>(operations: Operations<Buffer>) => {
        operations.load(weights);
        const sequences = operations.sequences(Int32Array.of(0, 1, 31, 40));
        const qkv = operations.upload(caseValues(40 * 3 * width, 21));
        const context = operations.attention(qkv, sequences);
        const dQkv = operations.attentionBackward(qkv, context, operations.upload(caseValues(40 * width, 22)), sequences);
        return Promise.all([operations.download(context, 40 * width), operations.download(dQkv, 40 * 3 * width)]);
      };
      // As the shared attention cases: float32 scores, exp, and two nearly equal products that are subtracted.
      expect(scaledError(await run(await open()), await run(createReferenceOperations()))).toBeLessThanOrEqual(4e-5);
    });

    it('gives a row the same bits alone and among others, wherever its tokens fall in a tile', async () => {
      // 192 and more tokens before the last row: it lies in another row block of the products too.
      const lengths = [7, 1, 40, 13, 64, 64, 22, 5];
      const labels = [0, 1, 2, 0, 1, 2, 0, 1];
      const results = configured(await open());
      const together = await rowResults(results, batchOf(lengths), labels);
      for (const [b, length] of lengths.entries()) {
        const [alone] = await rowResults(results, batchOf([length], [b]), [labels[b]!]);
        expect(alone, `row ${b}`).toEqual(together[b]);
      }
    });

    it('gives the same bits on every run and in every instance', async () => {
      const [first, second] = [await fixedResults(binaries, build), await fixedResults(binaries, build)];
      expect(first.every(Number.isFinite)).toBe(true);
      expect(second).toEqual(first);
    });

    it('releases all it allocates and reuses it for ragged batches of any shape', async () => {
      const module = await instantiateKernels(binaries, build);
      const operations = createWasmOperations(module);
      const results = configured(operations);
      const held = operations.liveBuffers;
      const random = mulberry32(9);
      const batches = Array.from({ length: 60 }, () => batchOf(Array.from({ length: 1 + Math.floor(random() * 6) }, () => 1 + Math.floor(random() * 64))));
      const step = async (batch: TokenBatch) => {
        await results.engine.gradients(batch, new Int32Array(batch.offsets.length - 1));
        expect(operations.liveBuffers).toBe(held);
      };
      await step(batchOf([64, 64, 64, 64, 64, 64]));
      const afterLargest = operations.memoryBytes;
      for (const batch of batches) await step(batch);
      // The largest possible batch came first; smaller ones fit into what it left, so not a page is added.
      expect(operations.memoryBytes).toBe(afterLargest);
      results.engine.dispose();
      expect(module.memory.liveBlocks).toBe(0);
    });
  });
}
