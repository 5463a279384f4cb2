import { type CaseModel, type OperationCase, caseShape, caseValues, offsetsOf } from './operation-case.ts';
import type { LoraPair } from './operations.ts';

interface LoraSetting {
  readonly name: string;
  readonly model: CaseModel;
  readonly lengths: readonly number[];
  readonly rank: number;
  readonly block: 0 | 1 | 2;
  readonly hasDx: boolean;
  readonly scale?: number;
}

const settings: readonly LoraSetting[] = [
  { name: 'rank 1, one token', model: 'nano', lengths: [1], rank: 1, block: 0, hasDx: false },
  { name: 'rank 3, ragged rows, value block', model: 'odd', lengths: [1, 7, 3], rank: 3, block: 2, hasDx: true },
  { name: 'rank 8, key block', model: 'wideHeads', lengths: [65, 2], rank: 8, block: 1, hasDx: false },
  { name: 'rank 8, MiniLM width, ragged rows', model: 'miniLm', lengths: [33, 1, 20], rank: 8, block: 2, hasDx: true },
  { name: 'rank 32, the width itself', model: 'nano', lengths: [5, 70], rank: 32, block: 0, hasDx: true },
  { name: 'rank 4, tiny factors', model: 'nano', lengths: [4, 3], rank: 4, block: 0, hasDx: true, scale: 1e-10 },
];

const tolerance = 2e-5;
const reason = 'float32 sums of up to 384 products, twice: a few times sqrt(384) x 6e-8';

/** The pair's factors inside a theta with other values around them, at offsets that no vector width divides. */
function place({ model, rank, block }: LoraSetting): { pair: LoraPair; parameters: number } {
  const { width } = caseShape(model);
  const offsetA = 7;
  const offsetB = offsetA + rank * width + 2;
  return { pair: { block, offsetA, offsetB, rank, scaling: 2 }, parameters: offsetB + width * rank + 5 };
}

export const addLoraCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'addLora',
  name: setting.name,
  model: setting.model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { width } = caseShape(setting.model);
    const { pair, parameters } = place(setting);
    const tokens = offsetsOf(setting.lengths).at(-1)!;
    const x = buffers.input(caseValues(tokens * width, 900 + seed));
    const theta = buffers.input(caseValues(parameters, 910 + seed, setting.scale ?? 0.2));
    const qkv = buffers.input(caseValues(tokens * 3 * width, 920 + seed));
    buffers.output(operations.addLora(x, theta, pair, qkv, tokens), tokens * pair.rank);
    buffers.output(qkv, tokens * 3 * width);
  },
}));

export const loraBackwardCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'loraBackward',
  name: setting.name,
  model: setting.model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { width } = caseShape(setting.model);
    const { pair, parameters } = place(setting);
    const offsets = offsetsOf(setting.lengths);
    const tokens = offsets.at(-1)!;
    const rows = setting.lengths.length;
    const x = buffers.input(caseValues(tokens * width, 900 + seed));
    const theta = buffers.input(caseValues(parameters, 910 + seed, setting.scale ?? 0.2));
    const u = buffers.input(caseValues(tokens * pair.rank, 930 + seed));
    const dqkv = buffers.input(caseValues(tokens * 3 * width, 940 + seed));
    // What other pairs and the head wrote must stay.
    const gradients = buffers.input(caseValues(rows * parameters, 950 + seed));
    const dx = setting.hasDx ? buffers.input(caseValues(tokens * width, 960 + seed)) : undefined;
    operations.loraBackward(x, u, dqkv, theta, pair, gradients, parameters, buffers.sequences(offsets), dx);
    buffers.output(gradients, rows * parameters);
    if (dx !== undefined) buffers.output(dx, tokens * width);
  },
}));
