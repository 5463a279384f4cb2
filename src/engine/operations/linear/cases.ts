import { type CaseModel, type OperationCase, caseShape, caseValues } from '../operation-case.ts';
import type { LinearName } from './contract.ts';

const names: readonly LinearName[] = ['queryKeyValue', 'attentionOutput', 'intermediate', 'output'];

/** [N, K] of a frozen linear map. */
function sizes(model: CaseModel, name: LinearName): { N: number; K: number } {
  const { width: D, feedForwardWidth: F } = caseShape(model);
  return { queryKeyValue: { N: 3 * D, K: D }, attentionOutput: { N: D, K: D }, intermediate: { N: F, K: D }, output: { N: D, K: F } }[name];
}

interface LinearSetting {
  readonly model: CaseModel;
  readonly name: LinearName;
  readonly tokens: number;
  readonly hasResidual: boolean;
  readonly scale?: number;
}

const settings: readonly LinearSetting[] = [
  ...names.flatMap((name) => [
    { model: 'nano', name, tokens: 1, hasResidual: false } as const,
    { model: 'odd', name, tokens: 5, hasResidual: true } as const,
    { model: 'wideHeads', name, tokens: 67, hasResidual: false } as const,
  ]),
  { model: 'odd', name: 'output', tokens: 200, hasResidual: false },
  { model: 'miniLm', name: 'intermediate', tokens: 33, hasResidual: false },
  { model: 'miniLm', name: 'output', tokens: 19, hasResidual: true },
  { model: 'nano', name: 'intermediate', tokens: 3, hasResidual: false, scale: 1e6 },
  { model: 'nano', name: 'intermediate', tokens: 3, hasResidual: true, scale: 1e-12 },
  { model: 'nano', name: 'attentionOutput', tokens: 9, hasResidual: false, scale: 0 },
];

function title({ model, name, tokens, hasResidual, scale }: LinearSetting): string {
  return `${name} of ${model}, ${tokens} tokens${hasResidual ? ', residual' : ''}${scale === undefined ? '' : `, values x ${scale}`}`;
}

const tolerance = 2e-5;
const reason = 'a float32 sum of up to 1536 products in any order: about sqrt(1536) x 6e-8 of the largest term, with room for 8';

export const linearCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'linear',
  name: title(setting),
  model: setting.model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { model, name, tokens, hasResidual, scale = 1 } = setting;
    const { N, K } = sizes(model, name);
    const x = buffers.input(caseValues(tokens * K, 100 + seed, scale));
    const residual = hasResidual ? buffers.input(caseValues(tokens * N, 200 + seed, scale)) : undefined;
    buffers.output(operations.linear(0, name, x, tokens, residual), tokens * N);
  },
}));

export const linearBackwardCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'linearBackward',
  name: title(setting),
  model: setting.model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { model, name, tokens, hasResidual, scale = 1 } = setting;
    const { N, K } = sizes(model, name);
    const dy = buffers.input(caseValues(tokens * N, 300 + seed, scale));
    const residual = hasResidual ? buffers.input(caseValues(tokens * K, 400 + seed, scale)) : undefined;
    buffers.output(operations.linearBackward(0, name, dy, tokens, residual), tokens * K);
  },
}));
