import { BedsideError } from '../ground/errors.ts';
import type { ClippedSum, PlainSum } from './trainer.ts';

/** Says what is wrong and never a number of units: how many were drawn is secret. */
function sumError(what: string, expected: string, found: string): BedsideError {
  return new BedsideError('training/sum-check', 'internal', `A trainer returned a sum whose ${what} is ${found}; expected ${expected}. The step was charged and nothing of it was released.`, 'Start the run again; if it happens again, switch the backend in the settings.', { what, expected, found });
}

/** What the sum of a step must look like for its noise to protect it. */
export interface SumExpectation {
  /** Numbers in the sum. */
  readonly length: number;
  /** Units that were asked for. */
  readonly unitCount: number;
  /** Largest norm of one unit's contribution, in value units. */
  readonly clipNorm: number;
}

/**
 * Adds the sums of all trainers, exactly.
 * @throws where the parts disagree about length, grid or clip bound.
 */
export function addClippedSums(parts: readonly ClippedSum[], length: number): ClippedSum {
  const { gridScale, sensitivity } = parts[0] ?? { gridScale: 1, sensitivity: 0 };
  const sum = new Float64Array(length);
  let unitCount = 0;
  for (const part of parts) {
    if (part.sum.length !== length) throw sumError('length', String(length), String(part.sum.length));
    if (part.gridScale !== gridScale) throw sumError('grid', String(gridScale), String(part.gridScale));
    if (part.sensitivity !== sensitivity) throw sumError('clip bound', String(sensitivity), String(part.sensitivity));
    unitCount += part.unitCount;
    for (let i = 0; i < length; i++) sum[i]! += part.sum[i]!;
  }
  return { sum, gridScale, sensitivity, unitCount };
}

/**
 * Holds a sum to what the charge assumes: integers, as many units as were asked for, each clipped to the K_int that the noise is scaled for
 * and to no other, and an integer norm of at most units times K_int.
 * Guarantee: a sum that passes is finite and has the sensitivity that the noise was scaled for, if trainers clip as the start-up check saw.
 * @throws `training/sum-check`; the run ends charged, with nothing released.
 */
export function checkClippedSum(total: ClippedSum, expected: SumExpectation): void {
  if (total.unitCount !== expected.unitCount) throw sumError('unit count', 'the number of units asked for', 'another');
  if (!(Number.isFinite(total.gridScale) && total.gridScale > 0)) throw sumError('grid', 'a finite number above 0', String(total.gridScale));
  const sensitivity = Math.floor(expected.clipNorm * total.gridScale);
  if (total.sensitivity !== sensitivity) throw sumError('clip bound', String(sensitivity), String(total.sensitivity));
  let squared = 0;
  for (const value of total.sum) {
    if (!Number.isSafeInteger(value)) throw sumError('entries', 'integers', 'not all integers');
    squared += value * value;
  }
  const largest = expected.unitCount * sensitivity;
  // The squares are rounded to 53 bits; 1e-9 is far above that error for any length here and far below one unit's share.
  if (Math.sqrt(squared) > largest * (1 + 1e-9)) throw sumError('norm', 'at most units times the clip norm', 'larger');
}

/** Adds the sums of all trainers of a plan that is not private. */
export function addPlainSums(parts: readonly PlainSum[], length: number): PlainSum {
  // One part is the whole sum already; no second copy of millions of numbers is made.
  const sum = parts.length === 1 && parts[0]!.sum.length === length ? parts[0]!.sum : new Float64Array(length);
  let rowCount = 0;
  for (const part of parts) {
    if (part.sum.length !== length) throw sumError('length', String(length), String(part.sum.length));
    rowCount += part.rowCount;
    if (part.sum !== sum) for (let i = 0; i < length; i++) sum[i]! += part.sum[i]!;
  }
  if (!sum.every(Number.isFinite)) {
    throw new BedsideError('training/diverged', 'settings', 'Training diverged: a gradient is no longer a finite number.', 'Choose a smaller learning rate and start again.');
  }
  return { sum, rowCount };
}
