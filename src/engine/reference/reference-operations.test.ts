import { describe, expect, test } from 'vitest';
import { operationCases } from '../operations/cases.ts';
import { type CaseModel, caseWeights, runCase, scaledError } from '../operations/operation-case.ts';
import { createReferenceOperations, createReferenceOperationsIn } from './reference-operations.ts';

function loadedPair(model: CaseModel) {
  const weights = caseWeights(model);
  const float32 = createReferenceOperations();
  const float64 = createReferenceOperationsIn<Float64Array>((length) => new Float64Array(length));
  float32.load(weights);
  float64.load(weights);
  return { float32, float64 };
}

describe('reference operations', () => {
  const loaded = new Map<CaseModel, ReturnType<typeof loadedPair>>();

  // The tolerances are meant for float32 backends: rounding what is stored to float32 alone must stay within a part of them.
  test.each(operationCases)('$operation: $name, float32 against float64', async (operationCase) => {
    const { model, tolerance } = operationCase;
    const { float32, float64 } = loaded.get(model) ?? loadedPair(model);
    loaded.set(model, { float32, float64 });
    const [rounded, exact] = [await runCase(operationCase, float32), await runCase(operationCase, float64)];
    expect(exact.some((tensor) => tensor.length > 0)).toBe(true);
    expect(scaledError(rounded, exact)).toBeLessThanOrEqual(Math.max(tolerance / 2, 6e-8));
  });
});
