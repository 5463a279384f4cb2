import type { Operations } from '../operations.ts';
import { type CaseModel, type OperationCase, caseShape, caseValues, offsetsOf } from '../operation-case.ts';
import { roundedToHalves } from './reference.ts';

/** Values that binary16 holds exactly, so that no device rounds them: what is left is how they are stored and found again. */
function halves(length: number, seed: number, deviation = 1): Float32Array {
  return roundedToHalves(caseValues(length, seed, deviation));
}

interface KeptSetting {
  readonly name: string;
  readonly model: CaseModel;
  readonly lengths: readonly number[];
}

const settings: readonly KeptSetting[] = [
  { name: 'one token', model: 'nano', lengths: [1] },
  { name: 'width 48, ragged rows', model: 'odd', lengths: [5, 1, 9] },
  { name: 'head width 64, ragged', model: 'wideHeads', lengths: [5, 63] },
  { name: '12 heads of 32, ragged', model: 'miniLm', lengths: [17, 1, 14] },
];

/** Keeps `values` in half the bytes where the backend can, and as they are elsewhere; what `read` returns of them is compared. */
async function keptAnd<Buffer>(operations: Operations<Buffer>, inputs: readonly Buffer[], lengths: readonly number[], read: (parts: readonly Buffer[]) => readonly [Buffer, number][]): Promise<Float32Array[]> {
  const kept = operations.keepHalves?.(inputs, lengths);
  const found = read(kept?.parts ?? inputs);
  const values: Float32Array[] = [];
  for (const [buffer, length] of found) values.push(await operations.download(buffer, length));
  operations.release(...found.map(([buffer]) => buffer), ...(kept ? [kept.whole] : []));
  return values;
}

/** What the backward pass computes of what a layer keeps, but for attention and the adapters' gradients. */
const layerCases: readonly OperationCase[] = settings.map(({ name, model, lengths }, seed) => ({
  operation: 'keepHalves',
  name,
  model,
  tolerance: 4e-5,
  reason: 'the values are binary16 already: float32 as without halves',
  run(operations, buffers) {
    const { width: D, feedForwardWidth: F } = caseShape(model);
    const tokens = offsetsOf(lengths).at(-1)!;
    const sizes = [D, D, F, D].map((columns) => tokens * columns);
    const inputs = sizes.map((length, i) => buffers.input(halves(length, 1400 + 10 * seed + i)));
    const [dy, dActivated] = [D, F].map((columns, i) => buffers.input(caseValues(tokens * columns, 1450 + 10 * seed + i)));
    buffers.result(() => keptAnd(operations, inputs, sizes, ([, attentionSum, feedForward, outputSum]) => [
      [operations.layerNorm(0, 'attentionNorm', attentionSum!, tokens), tokens * D],
      [operations.layerNormBackward(0, 'outputNorm', dy!, outputSum!, tokens), tokens * D],
      [operations.gelu(feedForward!, tokens * F), tokens * F],
      [operations.geluBackward(dActivated!, feedForward!, tokens * F), tokens * F],
    ]));
  },
}));

/** Attention's way back, from the context that belongs to its queries, keys and values: some backends read it, others work it out again. */
const attentionCases: readonly OperationCase[] = settings.map(({ name, model, lengths }, seed) => ({
  operation: 'keepHalves',
  name: `attention, ${name}`,
  model,
  tolerance: 2e-3,
  reason: 'the context is rounded by 2^-12, for those that read it; two nearly equal products are subtracted',
  run(operations, buffers) {
    const { width: D } = caseShape(model);
    const offsets = offsetsOf(lengths);
    const tokens = offsets.at(-1)!;
    const sequences = buffers.sequences(offsets);
    const qkv = buffers.input(halves(3 * tokens * D, 1480 + seed));
    const context = buffers.output(operations.attention(qkv, sequences), tokens * D);
    const dContext = buffers.input(caseValues(tokens * D, 1490 + seed));
    const inputs = [buffers.input(halves(8, 1495 + seed)), qkv, context];
    buffers.result(() => keptAnd(operations, inputs, [8, 3 * tokens * D, tokens * D], ([, keptQkv, keptContext]) => [[operations.attentionBackward(keptQkv!, keptContext!, dContext, sequences), 3 * tokens * D]]));
  },
}));

/** Gradients of adapters beside query and value, of an input that is kept second. */
const loraCases: readonly OperationCase[] = settings.map(({ name, model, lengths }, seed) => ({
  operation: 'keepHalves',
  name: `gradients of adapters, ${name}`,
  model,
  tolerance: 2e-5,
  reason: 'the values are binary16 already: float32 sums of at most 65 products each, as without halves',
  run(operations, buffers) {
    const { width: D } = caseShape(model);
    const rank = 3;
    const offsets = offsetsOf(lengths);
    const tokens = offsets.at(-1)!;
    const pair = { rank, scaling: 2, inputWidth: D, outputWidth: D, outputStride: 3 * D, offsetA: 5, offsetB: 5 + rank * D, outputColumn: 0 } as const;
    const step = 2 * rank * D;
    const pairs = [pair, { ...pair, offsetA: pair.offsetA + step, offsetB: pair.offsetB + step, outputColumn: 2 * D }] as const;
    const parameters = 5 + 2 * step;
    const sizes = [8, tokens * D];
    const inputs = sizes.map((length, i) => buffers.input(halves(length, 1500 + 10 * seed + i)));
    const theta = buffers.input(caseValues(parameters, 1505 + 10 * seed, 0.2));
    const u = buffers.input(caseValues(2 * tokens * rank, 1506 + 10 * seed));
    const dQkv = buffers.input(caseValues(3 * tokens * D, 1507 + 10 * seed));
    const gradients = buffers.input(new Float32Array(lengths.length * parameters));
    const sequences = buffers.sequences(offsets);
    buffers.result(async () => {
      await keptAnd(operations, inputs, sizes, ([, x]) => {
        operations.loraBackward(x!, u, dQkv, theta, pairs, gradients, parameters, sequences);
        return [];
      });
      return [await operations.download(gradients, lengths.length * parameters)];
    });
  },
}));

/** What a device rounds itself. */
const roundedCase: OperationCase = {
  operation: 'keepHalves',
  name: 'values between two halves',
  model: 'nano',
  tolerance: 2e-3,
  reason: 'a device may take either neighbour: 2^-10 of a value, by which gelu changes as much',
  run(operations, buffers) {
    const length = 1000;
    const x = buffers.input(caseValues(length, 1550, 2));
    buffers.result(() => keptAnd(operations, [x], [length], ([part]) => [[operations.gelu(part!, length), length]]));
  },
};

export const keptCases: readonly OperationCase[] = [...layerCases, ...attentionCases, ...loraCases, roundedCase];
