import { mulberry32 } from '../../ground/random.ts';
import { randomBert, randomNormal } from '../model/random-bert.ts';
import type { BertShape, BertWeights } from '../model/weights.ts';
import type { Sequences } from './buffers/contract.ts';
import type { Operations } from './operations.ts';

/**
 * Encoders that the cases run on: head widths 16 and 32 and 64, a width and a feed-forward width that no
 * power of two above 16 divides, and the layer of MiniLM in full size.
 */
export const caseModels = {
  nano: { layers: 2, width: 32, heads: 2, feedForwardWidth: 64 },
  odd: { layers: 1, width: 48, heads: 3, feedForwardWidth: 80 },
  wideHeads: { layers: 1, width: 128, heads: 2, feedForwardWidth: 512 },
  miniLm: { layers: 1, width: 384, heads: 12, feedForwardWidth: 1536 },
} as const;

export type CaseModel = keyof typeof caseModels;

export function caseShape(model: CaseModel): BertShape {
  return { ...caseModels[model], vocabularySize: 61, maximumPositions: 160, tokenTypes: 2, layerNormEpsilon: 1e-12 };
}

/** Untrained weights of a case's model. */
export function caseWeights(model: CaseModel): BertWeights {
  return randomBert(caseShape(model), 7);
}

/** Device buffers of one run of a case: `input` uploads, `output` names what is compared; all are released at its end. */
export interface CaseBuffers<Buffer> {
  input(values: Float32Array): Buffer;
  output(buffer: Buffer, length: number): Buffer;
  sequences(offsets: readonly number[]): Sequences;
  /** What is compared besides, where it comes by another way than a download. */
  result(compute: () => Promise<readonly Float32Array[]>): void;
}

/** One call of one operation on fixed values, the same for every backend. */
export interface OperationCase {
  readonly operation: string;
  /** What is special about it. */
  readonly name: string;
  readonly model: CaseModel;
  /** Largest `scaledError` against the reference. */
  readonly tolerance: number;
  /** Why float32 cannot be held to less. */
  readonly reason: string;
  run<Buffer>(operations: Operations<Buffer>, buffers: CaseBuffers<Buffer>): void;
}

/** Normal values, the same for the same seed. */
export function caseValues(length: number, seed: number, deviation = 1): Float32Array {
  return randomNormal(length, mulberry32(seed), deviation);
}

/** Row boundaries of the given row lengths: [B + 1]. */
export function offsetsOf(lengths: readonly number[]): number[] {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  return offsets;
}

/** Runs a case on operations that have loaded `caseWeights(model)`, and returns its outputs in order. */
export async function runCase<Buffer>(operationCase: OperationCase, operations: Operations<Buffer>): Promise<Float32Array[]> {
  const buffers = new Set<Buffer>();
  const outputs: { buffer: Buffer; length: number }[] = [];
  const sequences: Sequences[] = [];
  const results: (() => Promise<readonly Float32Array[]>)[] = [];
  try {
    operationCase.run(operations, {
      input(values) {
        const buffer = operations.upload(values);
        buffers.add(buffer);
        return buffer;
      },
      output(buffer, length) {
        buffers.add(buffer);
        outputs.push({ buffer, length });
        return buffer;
      },
      sequences(offsets) {
        const made = operations.sequences(Int32Array.from(offsets));
        sequences.push(made);
        return made;
      },
      result: (compute) => void results.push(compute),
    });
    const values: Float32Array[] = [];
    for (const { buffer, length } of outputs) values.push(await operations.download(buffer, length));
    for (const compute of results) values.push(...(await compute()));
    return values;
  } finally {
    operations.release(...buffers);
    for (const made of sequences) operations.releaseSequences(made);
  }
}

/**
 * Largest |actual - expected| of a tensor over its largest |expected| (1 where that is 0), the worst of several tensors.
 * Infinity where a length differs or a value is not a number.
 */
export function scaledError(actual: readonly Float32Array[], expected: readonly Float32Array[]): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (const [index, wanted] of expected.entries()) {
    const found = actual[index]!;
    if (found.length !== wanted.length) return Infinity;
    let largest = 0;
    let difference = 0;
    for (let i = 0; i < wanted.length; i++) {
      const gap = Math.abs(found[i]! - wanted[i]!);
      if (!Number.isFinite(gap)) return Infinity;
      difference = Math.max(difference, gap);
      largest = Math.max(largest, Math.abs(wanted[i]!));
    }
    worst = Math.max(worst, difference / (largest || 1));
  }
  return worst;
}
