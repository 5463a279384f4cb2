import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { operationCases } from '../operations/cases.ts';
import { caseWeights, runCase, scaledError } from '../operations/operation-case.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import { instantiateKernels } from './module.ts';
import { createWasmOperations } from './wasm-operations.ts';

const simd = await readFile(new URL('./kernels.simd.wasm', import.meta.url));

async function loadedOperations(model: Parameters<typeof caseWeights>[0]) {
  const operations = createWasmOperations(await instantiateKernels({ simd, relaxed: simd }, 'simd'));
  operations.load(caseWeights(model));
  return operations;
}

describe('every operation, plain SIMD build, against the reference', () => {
  it.each(operationCases.map((operationCase) => ({ title: `${operationCase.operation}: ${operationCase.name}`, operationCase })))('$title', async ({ operationCase }) => {
    const reference = createReferenceOperations();
    reference.load(caseWeights(operationCase.model));
    const operations = await loadedOperations(operationCase.model);
    const found = await runCase(operationCase, operations);
    expect(scaledError(found, await runCase(operationCase, reference))).toBeLessThanOrEqual(operationCase.tolerance);
    expect(operations.liveBuffers).toBe(0);
  });
});
