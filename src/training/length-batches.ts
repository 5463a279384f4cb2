/** Batches of rows of like length, as large as a device gets through in a given time. */

interface Row {
  readonly ids: Int32Array;
}

/** Rows by falling length: the batch that needs the most memory comes first, and rows of a batch take about as long as each other. */
export function lengthSorted<Item extends Row>(rows: readonly Item[]): Item[] {
  return rows.toSorted((a, b) => b.ids.length - a.ids.length);
}

/** As many rows from the start as have `tokens` tokens together; one at least. */
export function takeBatch<Item extends Row>(rows: readonly Item[], tokens: number): Item[] {
  let taken = 0;
  let count = 0;
  while (count < rows.length && (count === 0 || taken + rows[count]!.ids.length <= tokens)) taken += rows[count++]!.ids.length;
  return rows.slice(0, count);
}

const firstTokens = 512;
/** A batch's tokens and outputs are copied between workers: more of them at once gain nothing. */
const mostTokens = 1 << 15;

/** How many tokens fit into a batch that lasts about `targetMs`, learnt from the batches before. */
export class BatchPace {
  readonly #targetMs: number;
  #tokens = firstTokens;

  constructor(targetMs: number) {
    this.#targetMs = targetMs;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** At most doubles or halves: one slow batch is no slow device. */
  learn(tokens: number, elapsedMs: number): void {
    const wanted = (tokens * this.#targetMs) / Math.max(1, elapsedMs);
    this.#tokens = Math.round(Math.min(mostTokens, Math.max(firstTokens / 8, Math.min(2 * this.#tokens, Math.max(this.#tokens / 2, wanted)))));
  }
}
