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

/**
 * Splits an input, in order, into parts of at most `maximumTokens` tokens; a longer row is a part of its own.
 * Memory then follows the part, not the batch.
 */
export function microBatches(input: EngineInput, maximumTokens: number, width: number): MicroBatch[] {
  const { offsets } = input;
  const parts: MicroBatch[] = [];
  let firstRow = 0;
  for (let row = 1; row < offsets.length; row++) {
    const isLast = row === offsets.length - 1;
    if (isLast || offsets[row + 1]! - offsets[firstRow]! > maximumTokens) {
      parts.push(slice(input, firstRow, row, width));
      firstRow = row;
    }
  }
  return parts;
}
