import { checkInteger, invariant } from '../ground/check.ts';
import type { EngineInput, TokenBatch } from './engine.ts';
import type { BertShape } from './model/weights.ts';

function checkOffsets(offsets: Int32Array, tokens: number): void {
  invariant(offsets.length >= 2 && offsets[0] === 0 && offsets.at(-1) === tokens, `offsets run from 0 to the ${tokens} tokens`);
  for (let b = 0; b + 1 < offsets.length; b++) invariant(offsets[b]! < offsets[b + 1]!, `row ${b} has at least one token`);
}

function checkTokens({ ids, offsets }: TokenBatch, shape: BertShape): void {
  checkOffsets(offsets, ids.length);
  for (let b = 0; b + 1 < offsets.length; b++) checkInteger(`tokens of row ${b}`, offsets[b + 1]! - offsets[b]!, 1, shape.maximumPositions);
  for (const id of ids) checkInteger('token id', id, 0, shape.vocabularySize - 1);
}

/** Throws unless every row has tokens, ids lie in the vocabulary and hidden states have the encoder's width. */
export function checkInput(input: EngineInput, shape: BertShape): void {
  if ('ids' in input) return checkTokens(input, shape);
  checkInteger('layer of the hidden states', input.layer, 0, shape.layers);
  invariant(input.hidden.length % shape.width === 0, 'hidden states have the width of the encoder');
  checkOffsets(input.offsets, input.hidden.length / shape.width);
}

/** A label a row, each one of `classes`. */
export function checkLabels(labels: Int32Array, rows: number, classes: number): void {
  invariant(labels.length === rows, 'every row has a label');
  for (const label of labels) checkInteger('label', label, 0, classes - 1);
}
