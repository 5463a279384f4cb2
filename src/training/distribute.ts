import type { TokenizedUnit } from './trainer.ts';

/**
 * Shares units among trainers so that each has about as many tokens: every unit to the trainer with the fewest so far.
 * A unit is never divided, so its rows meet before the clip.
 */
export function distributeUnits(units: readonly TokenizedUnit[], trainers: number): TokenizedUnit[][] {
  const shares: TokenizedUnit[][] = Array.from({ length: trainers }, () => []);
  const tokens = new Float64Array(trainers);
  for (const unit of units) {
    const least = tokens.indexOf(Math.min(...tokens));
    shares[least]!.push(unit);
    for (const row of unit.rows) tokens[least]! += row.ids.length;
  }
  return shares;
}

/** Splits rows into `trainers` runs of about as many tokens, in order, so that their results join by laying them end to end. */
export function distributeRows(rows: readonly Int32Array[], trainers: number): Int32Array[][] {
  const total = rows.reduce((sum, ids) => sum + ids.length, 0);
  const shares: Int32Array[][] = Array.from({ length: trainers }, () => []);
  let before = 0;
  for (const ids of rows) {
    shares[Math.min(trainers - 1, Math.floor((before / Math.max(1, total)) * trainers))]!.push(ids);
    before += ids.length;
  }
  return shares;
}

/** Lays the trainers' rows end to end, in the order of `distributeRows`. */
export function joinRows(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Every row as a unit of its own. */
export function rowsAsUnits(units: readonly TokenizedUnit[]): TokenizedUnit[] {
  return units.flatMap((unit) => unit.rows).map((row, index) => ({ unit: index, rows: [row] }));
}
