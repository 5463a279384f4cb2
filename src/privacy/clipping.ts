/**
 * Clipping to an integer grid (Rule G): each unit's contribution becomes a vector of integers whose exact norm is at most K = floor(C gridScale),
 * or zero. Sums of integers below 2^53 are exact in float64 in any order, so the sum moves by K at most when one unit's contribution is
 * replaced by nothing: no floating-point effect is left in the sensitivity. Noise of standard deviation s K on the same grid gives noise multiplier s.
 *
 * Why the check is exact: the squares of integers and their partial sums are exact up to 2^53 and stay at or above 2^53 once past it
 * (rounding is monotone), and K^2 < 2^52. What the clip factor gets wrong by rounding, the check catches; a unit that is not finite fails it.
 */
import { checkInteger, checkPositive, invariant } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';

/** The grid on which a sum is exact: values are integers over `gridScale`, one unit's integer norm is at most `sensitivity`. */
export interface Grid {
  readonly gridScale: number;
  /** K. */
  readonly sensitivity: number;
}

/** Integers over `gridScale`, the bound that units were clipped to, and the number of units that were offered, zeroed ones included. */
export interface IntegerSum extends Grid {
  readonly sum: Float64Array;
  readonly unitCount: number;
}

/** Rank-one rows that are added together. */
const ROWS_AT_A_TIME = 64;
/** K below this, so that K^2 < 2^52. */
const LARGEST_SENSITIVITY = 2 ** 26 - 1;
/** Keeps the clipped float norm a little below C, so that truncation ends inside; the loss is 1e-12 of the step. */
const SHRINK = 1 - 2 ** -40;

function gridOf(clipNorm: number, gridScale: number): Grid {
  checkPositive('clip norm', clipNorm);
  const sensitivity = Math.floor(clipNorm * gridScale);
  if (sensitivity < 1 || sensitivity > LARGEST_SENSITIVITY) {
    throw new BedsideError('privacy/grid', 'settings', `The clip norm must be 1 to ${LARGEST_SENSITIVITY} grid steps, found ${sensitivity}.`, 'Choose a clip norm between 0.001 and 10.', { clipNorm, gridScale, sensitivity });
  }
  return { gridScale, sensitivity };
}

/** The grid of flat vectors: a power of two with C between 2^19 and 2^20 steps, so that dividing and multiplying by it are exact. */
export function gradientGrid(clipNorm: number): Grid {
  checkPositive('clip norm', clipNorm);
  return gridOf(clipNorm, 2 ** (19 - Math.floor(Math.log2(clipNorm))));
}

/** The grid of head gradients (p - y) xT: 2^featureBits steps of a feature times 2^residualBits of a residual. */
export function headGrid(clipNorm: number, featureBits = 10, residualBits = 12): Grid {
  checkInteger('feature bits', featureBits, 0, 20);
  checkInteger('residual bits', residualBits, 0, 20);
  return gridOf(clipNorm, 2 ** (featureBits + residualBits));
}

/** Features truncated to their grid, and the exact squared norm of each row (NaN where a feature is not finite). */
export interface QuantizedFeatures {
  /** [N, D + 1] integers. */
  readonly values: Float32Array;
  readonly squaredNorms: Float64Array;
  readonly featureBits: number;
}

/**
 * X = trunc(2^featureBits x), row by row: a row's integers depend on no other row.
 * Shapes: features [rows, inputs] row-major, the constant bias input included. `values` takes the integers; `features` itself will do.
 */
export function quantizeFeatures(features: Float32Array, inputs: number, featureBits = 10, values = new Float32Array(features.length)): QuantizedFeatures {
  checkInteger('inputs', inputs, 1);
  checkInteger('feature bits', featureBits, 0, 20);
  invariant(features.length % inputs === 0, 'features are whole rows');
  const rows = features.length / inputs;
  const squaredNorms = new Float64Array(rows);
  const scale = 2 ** featureBits;
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let at = row * inputs; at < (row + 1) * inputs; at++) {
      // An integer: trunc makes one, and rounding to float32 above 2^24 keeps it one.
      const value = Math.fround(Math.trunc(scale * features[at]!));
      values[at] = value;
      squares += value * value;
    }
    squaredNorms[row] = Number.isFinite(squares) ? squares : NaN;
  }
  return { values, squaredNorms, featureBits };
}

export interface HeadAccumulator extends Grid {
  /** Adds one unit: the sum over its rows of residual xT, clipped as a whole. `residuals` [rows, C] holds p - y of each named row, in their order. */
  addUnit(features: QuantizedFeatures, rows: ArrayLike<number>, residuals: Float32Array | Float64Array): void;
  /** The sum so far: [C, D + 1]. */
  result(): IntegerSum;
}

/**
 * Sums clipped head gradients of units, exactly.
 * A unit of one row keeps its rank: R = trunc(2^b f (p - y)), zero unless |X|^2 |R|^2 <= K^2. A unit of several rows: their gradients are added
 * as a float64 matrix in the order given, which is clipped, truncated and checked as one.
 * Guarantee: leaving out any one unit moves the result by an integer vector of norm at most `sensitivity`.
 */
export function createHeadAccumulator(shape: { readonly classes: number; readonly inputs: number; readonly clipNorm: number; readonly featureBits?: number; readonly residualBits?: number }): HeadAccumulator {
  const { classes, inputs, clipNorm, featureBits = 10, residualBits = 12 } = shape;
  checkInteger('classes', classes, 1);
  checkInteger('inputs', inputs, 1);
  const grid = headGrid(clipNorm, featureBits, residualBits);
  const limit = grid.sensitivity * grid.sensitivity;
  const residualScale = 2 ** residualBits;
  const sum = new Float64Array(classes * inputs);
  const waiting: { features: QuantizedFeatures; readonly rows: number[]; readonly residuals: Float64Array } = { features: { values: new Float32Array(0), squaredNorms: new Float64Array(0), featureBits }, rows: [], residuals: new Float64Array(ROWS_AT_A_TIME * classes) };
  let matrix: Float64Array | null = null;
  let unitCount = 0;

  /** Adds the waiting rows class by class, so that a class's sum stays in the processor's nearest cache, and four at a time. Integers: the order makes no difference. */
  function flush(): void {
    const { features: { values }, rows, residuals } = waiting;
    const places: number[] = [];
    for (let c = 0; c < classes; c++) {
      places.length = 0;
      for (let k = 0; k < rows.length; k++) if (residuals[k * classes + c] !== 0) places.push(k);
      const total = sum.subarray(c * inputs, (c + 1) * inputs);
      let at = 0;
      for (; at + 3 < places.length; at += 4) {
        const [k0, k1, k2, k3] = [places[at]!, places[at + 1]!, places[at + 2]!, places[at + 3]!];
        const [r0, r1, r2, r3] = [residuals[k0 * classes + c]!, residuals[k1 * classes + c]!, residuals[k2 * classes + c]!, residuals[k3 * classes + c]!];
        const [x0, x1, x2, x3] = [rows[k0]! * inputs, rows[k1]! * inputs, rows[k2]! * inputs, rows[k3]! * inputs];
        for (let j = 0; j < inputs; j++) total[j]! += r0 * values[x0 + j]! + r1 * values[x1 + j]! + (r2 * values[x2 + j]! + r3 * values[x3 + j]!);
      }
      for (; at < places.length; at++) {
        const residual = residuals[places[at]! * classes + c]!;
        const from = rows[places[at]!]! * inputs;
        for (let j = 0; j < inputs; j++) total[j]! += residual * values[from + j]!;
      }
    }
    rows.length = 0;
  }

  function addRow(features: QuantizedFeatures, row: number, residuals: Float32Array | Float64Array): void {
    if (waiting.rows.length === ROWS_AT_A_TIME || waiting.features !== features) flush();
    waiting.features = features;
    const place = waiting.rows.length * classes;
    let squares = 0;
    for (let c = 0; c < classes; c++) squares += residuals[c]! * residuals[c]!;
    const featureSquares = features.squaredNorms[row]!;
    const norm = residualScale * Math.sqrt(squares) * Math.sqrt(featureSquares);
    const factor = residualScale * Math.min(1, (SHRINK * grid.sensitivity) / norm);
    let residualSquares = 0;
    for (let c = 0; c < classes; c++) {
      const value = Math.trunc(factor * residuals[c]!);
      waiting.residuals[place + c] = value;
      residualSquares += value * value;
    }
    // Only a row that passes is kept; the next one writes over what failed.
    if (featureSquares * residualSquares <= limit) waiting.rows.push(row);
  }

  function addMatrix({ values }: QuantizedFeatures, rows: ArrayLike<number>, residuals: Float32Array | Float64Array): void {
    matrix ??= new Float64Array(sum.length);
    matrix.fill(0);
    for (let k = 0; k < rows.length; k++) {
      const from = rows[k]! * inputs;
      for (let c = 0; c < classes; c++) {
        const residual = residualScale * residuals[k * classes + c]!;
        const to = c * inputs;
        for (let j = 0; j < inputs; j++) matrix[to + j]! += residual * values[from + j]!;
      }
    }
    if (clipToIntegers(matrix, 1, grid.sensitivity)) for (let i = 0; i < sum.length; i++) sum[i]! += matrix[i]!;
  }

  return {
    ...grid,
    addUnit(features, rows, residuals) {
      invariant(features.featureBits === featureBits, 'features lie on the accumulator\'s grid');
      invariant(residuals.length === rows.length * classes, 'one residual a row and class');
      for (let k = 0; k < rows.length; k++) checkInteger('row', rows[k]!, 0, features.squaredNorms.length - 1);
      unitCount++;
      if (rows.length === 1) addRow(features, rows[0]!, residuals);
      else if (rows.length > 1) addMatrix(features, rows, residuals);
    },
    result() {
      flush();
      return { ...grid, sum: sum.slice(), unitCount };
    },
  };
}

/**
 * Scales, clips and truncates a vector in place to integers of norm at most `sensitivity`; false where the result is not such a vector
 * (then it must not be used).
 */
function clipToIntegers(vector: Float64Array, scale: number, sensitivity: number): boolean {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  const factor = scale * Math.min(1, (SHRINK * sensitivity) / (scale * Math.sqrt(squares)));
  let integerSquares = 0;
  for (let i = 0; i < vector.length; i++) {
    // + 0 turns -0 into 0, so that sums do not depend on their order even in sign.
    const value = Math.trunc(factor * vector[i]!) + 0;
    vector[i] = value;
    integerSquares += value * value;
  }
  return integerSquares <= sensitivity * sensitivity;
}

export interface GradientAccumulator extends Grid {
  /**
   * Adds one unit: the sum of `rowCount` consecutive rows of `gradients` [rows, P] from `firstRow` on, clipped as a whole.
   * A unit whose rows lie in several batches is added up by the caller first.
   */
  addUnit(gradients: Float32Array | Float64Array, firstRow?: number, rowCount?: number): void;
  /** The sum so far: [P]. */
  result(): IntegerSum;
}

/**
 * Sums clipped flat vectors of units (gradients of LoRA and head, features), exactly.
 * Guarantee: leaving out any one unit moves the result by an integer vector of norm at most `sensitivity`.
 */
export function createGradientAccumulator(shape: { readonly length: number; readonly clipNorm: number }): GradientAccumulator {
  const { length, clipNorm } = shape;
  checkInteger('length', length, 1);
  const grid = gradientGrid(clipNorm);
  const sum = new Float64Array(length);
  const vector = new Float64Array(length);
  let unitCount = 0;
  return {
    ...grid,
    addUnit(gradients, firstRow = 0, rowCount = 1) {
      invariant(gradients.length % length === 0, 'gradients are whole rows');
      checkInteger('first row', firstRow, 0, gradients.length / length);
      checkInteger('row count', rowCount, 0, gradients.length / length - firstRow);
      unitCount++;
      vector.fill(0);
      for (let row = firstRow; row < firstRow + rowCount; row++) {
        const from = row * length;
        for (let i = 0; i < length; i++) vector[i]! += gradients[from + i]!;
      }
      if (clipToIntegers(vector, grid.gridScale, grid.sensitivity)) for (let i = 0; i < length; i++) sum[i]! += vector[i]!;
    },
    result: () => ({ ...grid, sum: sum.slice(), unitCount }),
  };
}
