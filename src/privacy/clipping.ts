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
import { clipShrink, clipToIntegers } from '../ground/integer-clip.ts';
import { addOuterProducts, type AddOuterProducts } from './outer-products.ts';

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

/** Most rank-one rows that are added together. */
const ROWS_AT_A_TIME = 1024;
/** Largest integer of 16 bits whose negative is one too. */
const LARGEST_NARROW = 2 ** 15 - 1;
/** Of 32-bit integers. */
const LARGEST_SUM = 2 ** 31 - 1;
/** Beyond it, adding a person's rows up as a matrix takes less time than multiplying them with each other. */
const MOST_ROWS_OF_ONE = 100;
/** Rounding may leave a person's sum a little longer than K: shortened by what it is too long, a second try ends inside nearly always. */
const TRIES = 4;
/** Shortens by somewhat more than that. */
const SHORTEN = 1 - 2 ** -12;
/** K below this, so that K^2 < 2^52. */
const LARGEST_SENSITIVITY = 2 ** 26 - 1;

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
 * A unit of one row keeps its rank: R = trunc(2^b f (p - y)), zero unless |X|^2 |R|^2 <= K^2.
 * A unit of several rows k keeps theirs: R_k = round(2^b f (p - y)_k) under one factor f for all; its contribution, the sum of X_k R_kT, has the squared norm
 * sum over k, l of (X_k . X_l)(R_k . R_l), which is exact where the sum over k of |X_k| |R_k| stays below 2^26, and counts only if that is at most K^2.
 * Where it is not exact or too long after all, integers pass 16 bits, or rows are very many, the gradients are added as a float64 matrix in the order given,
 * which is clipped, truncated and checked as one.
 * Guarantee: leaving out any one unit moves the result by an integer vector of norm at most `sensitivity`.
 *
 * `add` may sum in 32 bits: no entry of a row exceeds |R| |X|, and rows whose |R| |X| add up to less than 2^31 are handed over at once.
 * Rows beyond 16 bits are added here.
 */
export function createHeadAccumulator(shape: { readonly classes: number; readonly inputs: number; readonly clipNorm: number; readonly featureBits?: number; readonly residualBits?: number; readonly add?: AddOuterProducts }): HeadAccumulator {
  const { classes, inputs, clipNorm, featureBits = 10, residualBits = 12, add = addOuterProducts } = shape;
  checkInteger('classes', classes, 1);
  checkInteger('inputs', inputs, 1);
  const grid = headGrid(clipNorm, featureBits, residualBits);
  const limit = grid.sensitivity * grid.sensitivity;
  const residualScale = 2 ** residualBits;
  const sum = new Float64Array(classes * inputs);
  /** `magnitude` is at least the sum of their |R| |X|. */
  const waiting: { values: Float32Array; readonly rows: number[]; readonly residuals: Float64Array; magnitude: number } = { values: new Float32Array(0), rows: [], residuals: new Float64Array(ROWS_AT_A_TIME * classes), magnitude: 0 };
  const clipped = new Float64Array(classes);
  let matrix: Float64Array | null = null;
  let unitCount = 0;

  function flush(): void {
    const { values, rows, residuals } = waiting;
    if (rows.length > 0) add(sum, { values, inputs, rows, residuals, classes });
    rows.length = 0;
    waiting.magnitude = 0;
  }

  /** Keeps rows of one unit, with their integers, for the next sum. */
  function keep(values: Float32Array, rows: ArrayLike<number>, residuals: Float64Array, magnitude: number): void {
    if (waiting.rows.length + rows.length > ROWS_AT_A_TIME || waiting.magnitude + magnitude > LARGEST_SUM || waiting.values !== values) flush();
    waiting.values = values;
    waiting.magnitude += magnitude;
    waiting.residuals.set(residuals, waiting.rows.length * classes);
    for (let k = 0; k < rows.length; k++) waiting.rows.push(rows[k]!);
  }

  function addRow({ values, squaredNorms }: QuantizedFeatures, row: number, residuals: Float32Array | Float64Array): void {
    let squares = 0;
    for (let c = 0; c < classes; c++) squares += residuals[c]! * residuals[c]!;
    const featureSquares = squaredNorms[row]!;
    const norm = residualScale * Math.sqrt(squares) * Math.sqrt(featureSquares);
    const factor = residualScale * Math.min(1, (clipShrink * grid.sensitivity) / norm);
    let residualSquares = 0;
    let largest = 0;
    for (let c = 0; c < classes; c++) {
      const value = Math.trunc(factor * residuals[c]!);
      clipped[c] = value;
      residualSquares += value * value;
      largest = Math.max(largest, Math.abs(value));
    }
    if (!(featureSquares * residualSquares <= limit)) return;
    if (!(featureSquares <= LARGEST_NARROW ** 2 && largest <= LARGEST_NARROW)) {
      addOuterProducts(sum, { values, inputs, rows: [row], residuals: clipped, classes });
      return;
    }
    keep(values, [row], clipped, grid.sensitivity);
  }

  /** False where the rows must be added as a matrix. */
  function addRows({ values, squaredNorms }: QuantizedFeatures, rows: ArrayLike<number>, residuals: Float32Array | Float64Array): boolean {
    const count = rows.length;
    if (count > MOST_ROWS_OF_ONE) return false;
    for (let k = 0; k < count; k++) if (!(squaredNorms[rows[k]!]! <= LARGEST_NARROW ** 2)) return false;
    const products = new Float64Array(count * count);
    for (let k = 0; k < count; k++) for (let l = 0; l < k; l++) products[k * count + l] = dot(values, rows[k]! * inputs, values, rows[l]! * inputs, inputs);
    /** Squared norm of the sum of outer products. */
    const squaredNorm = (of: Float32Array | Float64Array) => {
      let squares = 0;
      for (let k = 0; k < count; k++) {
        squares += dot(of, k * classes, of, k * classes, classes) * squaredNorms[rows[k]!]!;
        for (let l = 0; l < k; l++) squares += 2 * dot(of, k * classes, of, l * classes, classes) * products[k * count + l]!;
      }
      return squares;
    };
    const integers = new Float64Array(count * classes);
    const norm = residualScale * Math.sqrt(Math.max(0, squaredNorm(residuals)));
    let factor = residualScale * Math.min(1, (clipShrink * grid.sensitivity) / norm);
    for (let attempt = 0; attempt < TRIES; attempt++) {
      let largest = 0;
      for (let i = 0; i < integers.length; i++) {
        const value = Math.round(factor * residuals[i]!);
        integers[i] = value;
        largest = Math.max(largest, Math.abs(value));
      }
      let magnitude = 1;
      for (let k = 0; k < count; k++) magnitude += Math.ceil(Math.sqrt(dot(integers, k * classes, integers, k * classes, classes) * squaredNorms[rows[k]!]!));
      if (!(largest <= LARGEST_NARROW && magnitude <= LARGEST_SENSITIVITY)) return false;
      const squares = squaredNorm(integers);
      if (squares <= limit) {
        keep(values, rows, integers, magnitude);
        return true;
      }
      factor *= (SHORTEN * grid.sensitivity) / Math.sqrt(squares);
    }
    return false;
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
      else if (rows.length > 1 && !addRows(features, rows, residuals)) addMatrix(features, rows, residuals);
    },
    result() {
      flush();
      return { ...grid, sum: sum.slice(), unitCount };
    },
  };
}

/** Exact for integers whose products' magnitudes add up to less than 2^53. */
function dot(a: Float32Array | Float64Array, atA: number, b: Float32Array | Float64Array, atB: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[atA + i]! * b[atB + i]!;
  return sum;
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
