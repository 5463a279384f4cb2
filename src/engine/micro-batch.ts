import type { EngineInput } from './engine.ts';

/** Rows `firstRow .. firstRow + rows` of an input, as an input of their own. */
export interface MicroBatch {
  readonly input: EngineInput;
  readonly firstRow: number;
  readonly rows: number;
  /** First token of the first row. */
  readonly firstToken: number;
  readonly tokens: number;
}

function slice(input: EngineInput, firstRow: number, endRow: number, width: number): MicroBatch {
  const firstToken = input.offsets[firstRow]!;
  const endToken = input.offsets[endRow]!;
  const offsets = input.offsets.slice(firstRow, endRow + 1).map((offset) => offset - firstToken);
  const part: EngineInput =
    'ids' in input
      ? { ids: input.ids.subarray(firstToken, endToken), offsets }
      : { hidden: input.hidden.subarray(firstToken * width, endToken * width), offsets, layer: input.layer };
  return { input: part, firstRow, rows: endRow - firstRow, firstToken, tokens: endToken - firstToken };
}

/** The whole input as one part. */
export function wholeInput(input: EngineInput): MicroBatch[] {
  const rows = input.offsets.length - 1;
  return [{ input, firstRow: 0, rows, firstToken: 0, tokens: input.offsets[rows]! }];
}

/**
 * Splits an input, in order, into parts of at most `maximumTokens` tokens and `maximumRows` rows; a longer row is a part of its own.
 * Memory then follows the part, not the batch.
 */
export function microBatches(input: EngineInput, maximumTokens: number, width: number, maximumRows = Infinity): MicroBatch[] {
  const { offsets } = input;
  const parts: MicroBatch[] = [];
  let firstRow = 0;
  for (let row = 1; row < offsets.length; row++) {
    const isLast = row === offsets.length - 1;
    if (isLast || row - firstRow === maximumRows || offsets[row + 1]! - offsets[firstRow]! > maximumTokens) {
      parts.push(slice(input, firstRow, row, width));
      firstRow = row;
    }
  }
  return parts;
}

/** A part in two, rows in order; null where it is a single row. `firstRow` and `firstToken` stay those of the whole input. */
export function halves({ input, firstRow, firstToken, rows }: MicroBatch, width: number): readonly [MicroBatch, MicroBatch] | null {
  if (rows < 2) return null;
  const place = (part: MicroBatch): MicroBatch => ({ ...part, firstRow: firstRow + part.firstRow, firstToken: firstToken + part.firstToken });
  const middle = rows >> 1;
  return [place(slice(input, 0, middle, width)), place(slice(input, middle, rows, width))];
}
