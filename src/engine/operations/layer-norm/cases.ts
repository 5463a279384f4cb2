import { type CaseModel, type OperationCase, caseShape, caseValues } from '../operation-case.ts';

interface NormSetting {
  readonly name: string;
  readonly model: CaseModel;
  readonly tokens: number;
  /** x = offset + deviation * normal. */
  readonly offset: number;
  readonly deviation: number;
  readonly tolerance: number;
  readonly reason: string;
}

const plain = { offset: 0, deviation: 1, tolerance: 1e-5, reason: 'float32 mean and variance over at most 384 values and one reciprocal square root: a few times sqrt(384) x 6e-8' };

const settings: readonly NormSetting[] = [
  { ...plain, name: 'one token', model: 'nano', tokens: 1 },
  { ...plain, name: 'width 48, 5 tokens', model: 'odd', tokens: 5 },
  { ...plain, name: 'width 128, 70 tokens', model: 'wideHeads', tokens: 70 },
  { ...plain, name: 'width 384, 300 tokens', model: 'miniLm', tokens: 300 },
  { ...plain, name: 'tiny variance, where epsilon is felt', model: 'odd', tokens: 3, deviation: 1e-6 },
  { ...plain, name: 'huge values', model: 'nano', tokens: 3, deviation: 1e6 },
  {
    name: 'mean far from 0', model: 'nano', tokens: 4, offset: 50, deviation: 1,
    tolerance: 5e-5, reason: 'values near 50 carry an error of 50 x 6e-8 before the mean is taken away; 16 times that',
  },
];

const names = ['attentionNorm', 'outputNorm'] as const;

function values({ model, tokens, offset, deviation }: NormSetting, seed: number): Float32Array {
  return caseValues(tokens * caseShape(model).width, seed, deviation).map((value) => value + offset);
}

/** A row whose values are all alike has variance 0: the output is the bias. */
const constantRow: OperationCase = {
  operation: 'layerNorm',
  name: 'constant row',
  model: 'nano',
  tolerance: 1e-6,
  reason: 'the mean of 32 equal powers of two is exact, so only the bias remains',
  run(operations, buffers) {
    const { width } = caseShape('nano');
    buffers.output(operations.layerNorm(0, 'outputNorm', buffers.input(new Float32Array(width).fill(2)), 1), width);
  },
};

export const layerNormCases: readonly OperationCase[] = [
  ...settings.map((setting, seed): OperationCase => ({
    operation: 'layerNorm',
    name: setting.name,
    model: setting.model,
    tolerance: setting.tolerance,
    reason: setting.reason,
    run(operations, buffers) {
      const x = buffers.input(values(setting, 500 + seed));
      buffers.output(operations.layerNorm(0, names[seed % 2]!, x, setting.tokens), setting.tokens * caseShape(setting.model).width);
    },
  })),
  constantRow,
];

export const layerNormBackwardCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'layerNormBackward',
  name: setting.name,
  model: setting.model,
  tolerance: setting.tolerance,
  reason: setting.reason,
  run(operations, buffers) {
    const length = setting.tokens * caseShape(setting.model).width;
    const x = buffers.input(values(setting, 500 + seed));
    const dy = buffers.input(caseValues(length, 600 + seed));
    buffers.output(operations.layerNormBackward(0, names[seed % 2]!, dy, x, setting.tokens), length);
  },
}));
