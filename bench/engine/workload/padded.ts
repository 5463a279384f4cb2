/** Rows padded with 0 to the longest, as engines take them that know no ragged rows: ids and mask [B, S]. */
export function paddedRows(rows: readonly Int32Array[]): { readonly ids: BigInt64Array; readonly mask: BigInt64Array; readonly shape: [number, number] } {
  const S = Math.max(...rows.map(({ length }) => length));
  const ids = new BigInt64Array(rows.length * S);
  const mask = new BigInt64Array(rows.length * S);
  rows.forEach((row, b) => row.forEach((id, s) => {
    ids[b * S + s] = BigInt(id);
    mask[b * S + s] = 1n;
  }));
  return { ids, mask, shape: [rows.length, S] };
}

/** Hidden states [B, S, D] end to end without those of padding: [T, D]. */
export function withoutPadding(hidden: Float32Array, rows: readonly Int32Array[], D: number): Float32Array {
  const S = hidden.length / (rows.length * D);
  if (rows.every(({ length }) => length === S)) return hidden;
  const kept = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0) * D);
  let at = 0;
  rows.forEach(({ length }, b) => {
    kept.set(hidden.subarray(b * S * D, (b * S + length) * D), at);
    at += length * D;
  });
  return kept;
}
