/** Outer products of integers, to be added together. */
export interface OuterProducts {
  /** [N, inputs] */
  readonly values: Float32Array;
  readonly inputs: number;
  /** Rows of `values`, of any number. */
  readonly rows: readonly number[];
  /** One line of [C] for each of `rows`, in their order; there may be more lines. */
  readonly residuals: Float64Array;
  readonly classes: number;
}

/**
 * Adds residual xᵀ of each named row to `total` [C, inputs], exactly.
 * What may be relied on where it is handed to something faster: values and residuals of the rows lie within ±32,767, and whichever of the products of
 * one place of `total` are added up, they stay below 2^31.
 */
export type AddOuterProducts = (total: Float64Array, products: OuterProducts) => void;

/** Rows whose values stay in the processor's caches while the classes go by. */
const ROWS_AT_A_TIME = 64;

/** In float64, whose sums of integers below 2^53 are exact: the definition, for integers of any size. */
export const addOuterProducts: AddOuterProducts = (total, products) => {
  for (let from = 0; from < products.rows.length; from += ROWS_AT_A_TIME) addSome(total, products, from, Math.min(from + ROWS_AT_A_TIME, products.rows.length));
};

/** Class by class, so that a class's sum stays in the nearest cache, and four rows at a time. Integers: the order makes no difference. */
function addSome(total: Float64Array, { values, inputs, rows, residuals, classes }: OuterProducts, from: number, to: number): void {
  const places: number[] = [];
  for (let c = 0; c < classes; c++) {
    places.length = 0;
    for (let k = from; k < to; k++) if (residuals[k * classes + c] !== 0) places.push(k);
    const sum = total.subarray(c * inputs, (c + 1) * inputs);
    let at = 0;
    for (; at + 3 < places.length; at += 4) {
      const [k0, k1, k2, k3] = [places[at]!, places[at + 1]!, places[at + 2]!, places[at + 3]!];
      const [r0, r1, r2, r3] = [residuals[k0 * classes + c]!, residuals[k1 * classes + c]!, residuals[k2 * classes + c]!, residuals[k3 * classes + c]!];
      const [x0, x1, x2, x3] = [rows[k0]! * inputs, rows[k1]! * inputs, rows[k2]! * inputs, rows[k3]! * inputs];
      for (let j = 0; j < inputs; j++) sum[j]! += r0 * values[x0 + j]! + r1 * values[x1 + j]! + (r2 * values[x2 + j]! + r3 * values[x3 + j]!);
    }
    for (; at < places.length; at++) {
      const residual = residuals[places[at]! * classes + c]!;
      const x = rows[places[at]!]! * inputs;
      for (let j = 0; j < inputs; j++) sum[j]! += residual * values[x + j]!;
    }
  }
}
