import { createEngine } from './bert.ts';
import { isDeviceGone } from './device-gone.ts';
import type { BackendName, Engine } from './engine.ts';
import { operationCases } from './operations/cases.ts';
import { caseShape, caseValues, caseWeights, offsetsOf, type OperationCase, runCase, scaledError } from './operations/operation-case.ts';
import type { Operations } from './operations/operations.ts';
import { createReferenceOperations } from './reference/reference-operations.ts';

/** How far one operation of a backend is from the reference, at its worst case. */
export interface OperationCheck {
  readonly operation: string;
  readonly backend: BackendName;
  readonly passed: boolean;
  /** `scaledError`; Infinity where the operation failed altogether. */
  readonly worstError: number;
  readonly tolerance: number;
  /** Of a check of the whole model (`./golden-batch.ts`) that failed: the first layer that is off, 0 the embeddings, L + 1 the head. */
  readonly layer?: number;
}

/** Name of the check that runs a whole forward and backward pass. */
export const gradientCheck = 'bertGradient';
/** Name of the check of `linear` with its inputs rounded, where a backend can. */
export const roundedCheck = 'linearRounded';
/** Inputs to 13 bits of a row's largest, or more. */
const roundedTolerance = 1e-3;
/** Some twenty operations in a row, each within 1e-5. */
const gradientTolerance = 2e-4;

/** Losses, per-example gradients and the clipped sum of LoRA and head on two layers and three ragged rows, whole and split into micro-batches. */
async function tinyGradients(engine: Engine): Promise<Float32Array[]> {
  const lora = { rank: 4, alpha: 8, targets: ['query', 'value'], layers: [0, 1] } as const;
  const layout = engine.configure({ classes: 3, lora });
  engine.setParameters(caseValues(layout.length, 1300, 0.2));
  const offsets = Int32Array.from(offsetsOf([1, 9, 5]));
  const ids = Int32Array.from({ length: offsets.at(-1)! }, (_, t) => (t * 37) % caseShape('nano').vocabularySize);
  const labels = Int32Array.of(2, 0, 1);
  const { losses, gradients } = await engine.gradients({ ids, offsets }, labels);
  async function* batches() {
    yield { input: { ids, offsets }, labels, unitOffsets: Int32Array.of(0, 1, 3) };
  }
  // Clipped to a quarter: below the norm of these gradients.
  const { sum } = await engine.clippedSum(batches, { gridScale: 2 ** 20, sensitivity: 2 ** 18 });
  return [losses, gradients, Float32Array.from(sum), await engine.logits({ ids, offsets }), await engine.encode({ ids, offsets }, [0, 1, 2])];
}

/** `Infinity` where the computation throws: a backend that fails is a backend that disagrees, unless its device is gone. */
async function errorOf(compute: () => Promise<number>): Promise<number> {
  try {
    return await compute();
  } catch (error) {
    if (isDeviceGone(error)) throw error;
    return Infinity;
  }
}

function worse(a: OperationCheck, b: OperationCheck): OperationCheck {
  const distance = ({ worstError, tolerance }: OperationCheck) => (worstError <= tolerance ? worstError / (tolerance || 1) : Infinity);
  return distance(b) > distance(a) ? b : a;
}

/**
 * Runs every operation of a backend against the reference over its cases, and the gradient of a tiny BERT.
 * `createOperations` gives a fresh backend, without weights; each is disposed of. One entry an operation, its worst case.
 * Throws: the device's own error where it is gone (`isDeviceGone`), which is no verdict on a kernel.
 */
export async function selfCheck<Buffer>(createOperations: () => Operations<Buffer> | Promise<Operations<Buffer>>, cases: readonly OperationCase[] = operationCases): Promise<OperationCheck[]> {
  const checks = new Map<string, OperationCheck>();
  for (const model of new Set(cases.map((one) => one.model))) {
    const weights = caseWeights(model);
    const reference = createReferenceOperations();
    reference.load(weights);
    const operations = await createOperations();
    const { backend } = operations;
    operations.load(weights);
    const run = async (one: OperationCase, operation: string, tolerance: number) => {
      const worstError = await errorOf(async () => scaledError(await runCase(one, operations), await runCase(one, reference)));
      const check = { operation, backend, passed: worstError <= tolerance, worstError, tolerance };
      const earlier = checks.get(operation);
      checks.set(operation, earlier ? worse(earlier, check) : check);
    };
    const own = cases.filter((candidate) => candidate.model === model);
    for (const one of own) await run(one, one.operation, one.tolerance);
    operations.roundInputs?.(true);
    if (operations.roundInputs) for (const one of own) if (one.operation === 'linear') await run(one, roundedCheck, roundedTolerance);
    operations.dispose();
  }

  const engine = createEngine(await createOperations(), caseWeights('nano'), { maximumTokens: 10 });
  const reference = createEngine(createReferenceOperations(), caseWeights('nano'));
  const worstError = await errorOf(async () => scaledError(await tinyGradients(engine), await tinyGradients(reference)));
  checks.set(gradientCheck, { operation: gradientCheck, backend: engine.backend, passed: worstError <= gradientTolerance, worstError, tolerance: gradientTolerance });
  engine.dispose();
  return [...checks.values()];
}
