import { type CaseModel, type OperationCase, caseShape, caseValues, offsetsOf } from '../operation-case.ts';
import type { LoraPairs } from './contract.ts';

interface LoraSetting {
  readonly name: string;
  readonly model: CaseModel;
  readonly lengths: readonly number[];
  readonly rank: number;
  /** A block of `queryKeyValue`, or one of the other maps by what it reads and writes. */
  readonly map: 'query' | 'key' | 'value' | 'attentionOutput' | 'intermediate' | 'output' | 'query and value' | 'all three';
  readonly hasDx: boolean;
  readonly scale?: number;
}

const settings: readonly LoraSetting[] = [
  { name: 'rank 1, one token', model: 'nano', lengths: [1], rank: 1, map: 'query', hasDx: false },
  { name: 'rank 3, ragged rows, value block', model: 'odd', lengths: [1, 7, 3], rank: 3, map: 'value', hasDx: true },
  { name: 'rank 8, key block', model: 'wideHeads', lengths: [65, 2], rank: 8, map: 'key', hasDx: false },
  { name: 'rank 8, MiniLM width, ragged rows', model: 'miniLm', lengths: [33, 1, 20], rank: 8, map: 'value', hasDx: true },
  { name: 'rank 32, the width itself', model: 'nano', lengths: [5, 70], rank: 32, map: 'query', hasDx: true },
  { name: 'rank 2, as wide out as in', model: 'odd', lengths: [6, 1], rank: 2, map: 'attentionOutput', hasDx: true },
  { name: 'rank 3, wider out than in', model: 'odd', lengths: [2, 9], rank: 3, map: 'intermediate', hasDx: true },
  { name: 'rank 8, MiniLM, wider in than out', model: 'miniLm', lengths: [13, 2], rank: 8, map: 'output', hasDx: true },
  { name: 'rank 3, query and value, ragged rows', model: 'odd', lengths: [4, 1, 9], rank: 3, map: 'query and value', hasDx: true },
  { name: 'rank 8, MiniLM, query and value', model: 'miniLm', lengths: [30, 11], rank: 8, map: 'query and value', hasDx: true },
  { name: 'rank 5, all three, lowest layer', model: 'nano', lengths: [3, 8], rank: 5, map: 'all three', hasDx: false },
  { name: 'rank 4, tiny factors', model: 'nano', lengths: [4, 3], rank: 4, map: 'query', hasDx: true, scale: 1e-10 },
];

const tolerance = 2e-5;
const reason = 'float32 sums of up to 1536 products, twice: a few times sqrt(1536) x 6e-8';

/** Blocks of query, key and value that the pairs sit beside, by map. */
const blocks = { query: [0], key: [1], value: [2], 'query and value': [0, 2], 'all three': [0, 1, 2] } as const;

/** The pairs' factors inside a theta with other values around them, at offsets that no vector width divides. */
function place({ model, rank, map }: LoraSetting): { pairs: LoraPairs; parameters: number } {
  const { width: D, feedForwardWidth: F } = caseShape(model);
  const inputWidth = map === 'output' ? F : D;
  const outputWidth = map === 'intermediate' ? F : D;
  const offsetA = 7;
  const offsetB = offsetA + rank * inputWidth + 2;
  const step = offsetB - offsetA + outputWidth * rank + 3;
  const isBlock = map in blocks;
  const pair = (column: number, p: number) => ({ inputWidth, outputWidth, outputStride: isBlock ? 3 * D : outputWidth, outputColumn: column, offsetA: offsetA + p * step, offsetB: offsetB + p * step, rank, scaling: 2 });
  const [first, ...rest] = map === 'attentionOutput' || map === 'intermediate' || map === 'output' ? [0] : blocks[map].map((block) => block * D);
  return { pairs: [pair(first!, 0), ...rest.map((column, p) => pair(column, p + 1))], parameters: offsetA + (1 + rest.length) * step + 2 };
}

export const addLoraCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'addLora',
  name: setting.name,
  model: setting.model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { pairs, parameters } = place(setting);
    const [pair] = pairs;
    const tokens = offsetsOf(setting.lengths).at(-1)!;
    const x = buffers.input(caseValues(tokens * pair.inputWidth, 900 + seed));
    const theta = buffers.input(caseValues(parameters, 910 + seed, setting.scale ?? 0.2));
    const y = buffers.input(caseValues(tokens * pair.outputStride, 920 + seed));
    buffers.output(operations.addLora(x, theta, pairs, y, tokens), pairs.length * tokens * pair.rank);
    buffers.output(y, tokens * pair.outputStride);
  },
}));

export const loraBackwardCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'loraBackward',
  name: setting.name,
  model: setting.model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { pairs, parameters } = place(setting);
    const [pair] = pairs;
    const offsets = offsetsOf(setting.lengths);
    const tokens = offsets.at(-1)!;
    const rows = setting.lengths.length;
    const x = buffers.input(caseValues(tokens * pair.inputWidth, 900 + seed));
    const theta = buffers.input(caseValues(parameters, 910 + seed, setting.scale ?? 0.2));
    const u = buffers.input(caseValues(pairs.length * tokens * pair.rank, 930 + seed));
    const dy = buffers.input(caseValues(tokens * pair.outputStride, 940 + seed));
    // What other pairs and the head wrote must stay.
    const gradients = buffers.input(caseValues(rows * parameters, 950 + seed));
    const dx = setting.hasDx ? buffers.input(caseValues(tokens * pair.inputWidth, 960 + seed)) : undefined;
    operations.loraBackward(x, u, dy, theta, pairs, gradients, parameters, buffers.sequences(offsets), dx);
    buffers.output(gradients, rows * parameters);
    if (dx !== undefined) buffers.output(dx, tokens * pair.inputWidth);
  },
}));
