import { mulberry32 } from '../ground/random.ts';
import { addOuterProducts, type AddOuterProducts } from '../privacy/outer-products.ts';
import { headLogits } from './features.ts';

/** The two products of a head over many rows: nearly all of its work. Whoever makes them, the bits are those of the plain loops. */
export interface HeadProducts {
  readonly headLogits: typeof headLogits;
  readonly addOuterProducts: AddOuterProducts;
}

export const plainHeadProducts: HeadProducts = { headLogits, addOuterProducts };

/** Odd sizes: more than one block of rows, none of them whole. */
const [rows, length, classes] = [131, 19, 7];

/**
 * Whether `products` give the bits of the plain loops on a made-up head: rows out of order, integers of 16 bits up to both ends, sums near 2^31.
 * A few milliseconds.
 */
export function areRightProducts(products: HeadProducts): boolean {
  const random = mulberry32(11);
  const features = Float32Array.from({ length: rows * length }, () => random() - 0.5);
  const weights = Float32Array.from({ length: classes * (length + 1) }, () => 20 * (random() - 0.5));
  const logitsOf = (by: HeadProducts) => by.headLogits(features, rows, weights, classes, 0.3);
  if (!isSame(logitsOf(products), logitsOf(plainHeadProducts))) return false;

  const values = Float32Array.from(features, (value) => Math.trunc(65_534 * value));
  const residuals = Float64Array.from({ length: rows * classes }, () => Math.trunc(400 * (random() - 0.5)));
  // Two rows with one sum between them: 2 * 32,767 * 32,700 is two thousandths below 2^31.
  values.fill(32_767, 0, length).fill(-32_767, length, 2 * length);
  const extremes = Float64Array.from({ length: 2 * classes }, (_, i) => (i < classes ? -32_700 : 32_700));
  const sumOf = (by: HeadProducts) => {
    const total = new Float64Array(classes * length);
    by.addOuterProducts(total, { values, inputs: length, rows: [1, 0], residuals: extremes, classes });
    by.addOuterProducts(total, { values, inputs: length, rows: Array.from({ length: rows - 2 }, (_, i) => 2 + ((i * 50) % (rows - 2))), residuals, classes });
    return total;
  };
  return isSame(sumOf(products), sumOf(plainHeadProducts));
}

function isSame(one: Float32Array | Float64Array, other: Float32Array | Float64Array): boolean {
  return one.length === other.length && one.every((value, i) => value === other[i]);
}
