import type { EngineInput } from '../engine/engine.ts';

/** Lays rows end to end as one token batch. */
export function tokenBatch(rows: readonly Int32Array[]): { readonly ids: Int32Array; readonly offsets: Int32Array } {
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((ids, row) => {
    offsets[row + 1] = offsets[row]! + ids.length;
  });
  const ids = new Int32Array(offsets[rows.length]!);
  rows.forEach((row, index) => ids.set(row, offsets[index]));
  return { ids, offsets };
}

/** Cached outputs of the first `layer` layers of some rows, end to end. Shapes: each row [tokens, width]. */
export function hiddenBatch(rows: readonly Float32Array[], layer: number, width: number): EngineInput {
  const offsets = new Int32Array(rows.length + 1);
  rows.forEach((hidden, row) => {
    offsets[row + 1] = offsets[row]! + hidden.length / width;
  });
  const hidden = new Float32Array(offsets[rows.length]! * width);
  rows.forEach((row, index) => hidden.set(row, offsets[index]! * width));
  return { hidden, offsets, layer };
}

/** One engine call reads several micro-batches, so that the device computes one while another is read back; a piece is done soon enough for progress and pauses. */
const pieceTokens = 2048;
const pieceRows = 128;

/** Splits items, in order, into pieces of at most 2,048 tokens and 128 items; a longer item is a piece of its own. */
export function* pieces<Item>(items: readonly Item[], tokensOf: (item: Item) => number): Generator<readonly Item[]> {
  let piece: Item[] = [];
  let tokens = 0;
  for (const item of items) {
    const more = tokensOf(item);
    if (piece.length > 0 && (piece.length === pieceRows || tokens + more > pieceTokens)) {
      yield piece;
      piece = [];
      tokens = 0;
    }
    piece.push(item);
    tokens += more;
  }
  if (piece.length > 0) yield piece;
}

/** Splits a list into runs of at most `size`. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
