import { type CaseModel, type OperationCase, caseShape, caseValues, offsetsOf } from '../operation-case.ts';

interface AttentionSetting {
  readonly name: string;
  readonly model: CaseModel;
  readonly lengths: readonly number[];
  /** Deviation of queries, keys and values; scores grow with its square. */
  readonly deviation: number;
  readonly tolerance: number;
  readonly reason: string;
}

const plain = { deviation: 1, tolerance: 1e-5, reason: 'scores of a few units carry 1e-6, which exp turns into as much relative error; sums of up to 257 terms' };

const settings: readonly AttentionSetting[] = [
  { ...plain, name: 'one token', model: 'nano', lengths: [1] },
  { ...plain, name: 'one row of 5', model: 'odd', lengths: [5] },
  { ...plain, name: 'ragged rows', model: 'nano', lengths: [1, 7, 3, 16, 2] },
  { ...plain, name: 'head width 64, rows about a workgroup', model: 'wideHeads', lengths: [63, 64, 65] },
  { ...plain, name: '12 heads of 32, ragged', model: 'miniLm', lengths: [33, 1, 20] },
  { ...plain, name: 'one long row', model: 'odd', lengths: [257, 1] },
  { ...plain, name: 'values near 0: every token weighs alike', model: 'nano', lengths: [9, 30], deviation: 1e-4 },
  {
    name: 'scores of several hundred', model: 'nano', lengths: [12, 40], deviation: 15,
    tolerance: 2e-3, reason: 'scores near 1000 carry 1000 x 6e-8 x a few, which exp turns into a relative error of some 1e-4',
  },
];

export const attentionCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'attention',
  name: setting.name,
  model: setting.model,
  tolerance: setting.tolerance,
  reason: setting.reason,
  run(operations, buffers) {
    const { width } = caseShape(setting.model);
    const offsets = offsetsOf(setting.lengths);
    const tokens = offsets.at(-1)!;
    const qkv = buffers.input(caseValues(tokens * 3 * width, 800 + seed, setting.deviation));
    buffers.output(operations.attention(qkv, buffers.sequences(offsets)), tokens * width);
  },
}));

export const attentionBackwardCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'attentionBackward',
  name: setting.name,
  model: setting.model,
  tolerance: 4 * setting.tolerance,
  reason: `${setting.reason}; two nearly equal products are subtracted`,
  run(operations, buffers) {
    const { width } = caseShape(setting.model);
    const offsets = offsetsOf(setting.lengths);
    const tokens = offsets.at(-1)!;
    const sequences = buffers.sequences(offsets);
    const qkv = buffers.input(caseValues(tokens * 3 * width, 800 + seed, setting.deviation));
    const context = buffers.output(operations.attention(qkv, sequences), tokens * width);
    const dContext = buffers.input(caseValues(tokens * width, 820 + seed));
    buffers.output(operations.attentionBackward(qkv, context, dContext, sequences), tokens * 3 * width);
  },
}));
