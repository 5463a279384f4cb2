import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationCases } from '../operations/cases.ts';
import { type CaseModel, caseModels, caseWeights, runCase, scaledError } from '../operations/operation-case.ts';
import type { Operations } from '../operations/operations.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import { acquireGpuDevice, type DeviceBuffer, type GpuDevice } from './device.ts';
import { candidatesOn, plainVariants, variantQuestions, type KernelVariants } from './kernel-variants.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

let device: GpuDevice;

beforeAll(async () => {
  device = await acquireGpuDevice();
});
afterAll(() => device.destroy());

/** What a choice of kernels changes, and models that tell its candidates apart: rows shorter and longer than a workgroup, heads of few and of many words. */
const changedBy: Readonly<Record<keyof KernelVariants, { readonly operations: readonly string[]; readonly models: readonly CaseModel[] }>> = {
  linearTile: { operations: ['linear', 'linearBackward'], models: Object.keys(caseModels) as CaseModel[] },
  normRows: { operations: ['layerNorm', 'layerNormBackward', 'keepHalves'], models: ['odd', 'miniLm'] },
  attentionKeys: { operations: ['attention', 'attentionBackward', 'keepHalves'], models: ['nano', 'wideHeads'] },
};

describe.each(Object.keys(variantQuestions) as (keyof KernelVariants)[])('every candidate of %s', (choice) => {
  const { operations: changed, models } = changedBy[choice];
  const cases = operationCases.filter(({ operation }) => changed.includes(operation));
  for (const candidate of variantQuestions[choice].candidates.slice(1)) {
    for (const model of models) {
      it(`${candidate}, on ${model}`, async ({ skip }) => {
        if (!candidatesOn(variantQuestions[choice], (feature) => device.hasFeature(feature)).includes(candidate)) skip('a feature is missing here');
        const operations = createWebGpuOperations(device, { ...plainVariants, [choice]: candidate });
        const reference = createReferenceOperations();
        operations.load(caseWeights(model));
        reference.load(caseWeights(model));
        for (const one of cases.filter((other) => other.model === model)) {
          expect(scaledError(await runCase(one, operations), await runCase(one, reference)), one.name).toBeLessThanOrEqual(one.tolerance);
        }
        operations.dispose();
        expect(device.failure).toBeNull();
      });
    }
  }
});

for (const model of Object.keys(caseModels) as CaseModel[]) {
  describe(`on ${model}`, () => {
    let operations: Operations<DeviceBuffer>;
    const reference = createReferenceOperations();

    beforeAll(() => {
      operations = createWebGpuOperations(device);
      operations.load(caseWeights(model));
      reference.load(caseWeights(model));
    });
    afterAll(() => operations.dispose());

    for (const operationCase of operationCases.filter((one) => one.model === model)) {
      it(`${operationCase.operation}: ${operationCase.name}`, async () => {
        const found = await runCase(operationCase, operations);
        const wanted = await runCase(operationCase, reference);
        expect(scaledError(found, wanted), operationCase.reason).toBeLessThanOrEqual(operationCase.tolerance);
        expect(device.failure).toBeNull();
      });
    }
  });
}
