import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationCases } from '../operations/cases.ts';
import { type CaseModel, caseModels, caseWeights, runCase, scaledError } from '../operations/operation-case.ts';
import type { Operations } from '../operations/operations.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import { acquireGpuDevice, type DeviceBuffer, type GpuDevice } from './device.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

let device: GpuDevice;

beforeAll(async () => {
  device = await acquireGpuDevice();
});
afterAll(() => device.destroy());

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
