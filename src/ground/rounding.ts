/** Rounding in one direction, for guarantees: what was spent must not look smaller than it is, nor what is left larger. */

/** The least number of `digits` significant digits that is not below a `value` of 0 or more. */
export function roundUp(value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  const near = Number(value.toPrecision(digits));
  if (near >= value) return near;
  const exponent = Number(value.toExponential().split('e')[1]);
  return Number((near + 10 ** (exponent - digits + 1)).toPrecision(digits));
}

/** The greatest number of `digits` significant digits that is not above a `value` of 0 or more. */
export function roundDown(value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  const near = Number(value.toPrecision(digits));
  if (near <= value) return near;
  const exponent = Number(value.toExponential().split('e')[1]);
  return Number((near - 10 ** (exponent - digits + 1)).toPrecision(digits));
}

/** The least number of `decimals` decimals that is not below `value`. */
export function roundUpTo(value: number, decimals: number): number {
  const near = Number(value.toFixed(decimals));
  return near >= value || !Number.isFinite(value) ? near : Number((near + 10 ** -decimals).toFixed(decimals));
}

/** The greatest number of `decimals` decimals that is not above `value`. */
export function roundDownTo(value: number, decimals: number): number {
  const near = Number(value.toFixed(decimals));
  return near <= value || !Number.isFinite(value) ? near : Number((near - 10 ** -decimals).toFixed(decimals));
}
