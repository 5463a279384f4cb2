/** The highest limit that the page takes. */
export const highestLimit = 100;

/** The lowest limit in hundredths that is higher than `limit`. */
export function lowestLimit(limit: number): number {
  // 4 + 0.01 has more digits than are meant.
  return Math.floor(limit * 100 + 1 + 1e-9) / 100;
}

/** Whether there is a higher limit to raise to. */
export function mayRaiseLimit(limit: number): boolean {
  return lowestLimit(limit) <= highestLimit;
}

/** What is wanted, in tenths rounded up, where that may be set. */
export function proposedLimit(wanted: number, low: number): number {
  return Math.min(highestLimit, Math.max(low, Math.ceil(wanted * 10 - 1e-9) / 10));
}
