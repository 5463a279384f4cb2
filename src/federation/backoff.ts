const FIRST_MS = 1000;
const LONGEST_MS = 300_000;

/** How long to wait before try number `attempt`, counted from 1: doubling up to five minutes, half of it by chance, so that a room full of devices does not come back at once. */
export function backoffMs(attempt: number, random: () => number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(30, attempt - 1));
  return longest * (0.5 + 0.5 * random());
}
