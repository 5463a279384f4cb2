import { checkInteger } from './check.ts';

/**
 * The mulberry32 generator: a repeatable stream of numbers in [0, 1) with 32 bits each.
 * For order, initial values and the bootstrap. Never for privacy: its next value follows from its last.
 */
export function mulberry32(seed: number): () => number {
  checkInteger('seed', seed, 0, 0xffffffff);
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 4294967296;
  };
}

/** Shuffles in place by Fisher and Yates' rule, and returns the same array. */
export function shuffle<Items extends { [index: number]: unknown; readonly length: number }>(items: Items, random: () => number): Items {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const held = items[last];
    items[last] = items[other];
    items[other] = held;
  }
  return items;
}
