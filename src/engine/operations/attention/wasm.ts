// Attention of one row of the batch and one head. The row has its true length: nothing is masked.
import { packColumns, packRows } from '../../wasm/assembly/panel';
import { multiplyPanel, multiplyPanelTransposed } from '../../wasm/assembly/tile';
import { exponential, laneMaximum, laneSum, multiplyAdd, ZEROS } from '../../wasm/assembly/vector';

/** Queries that are worked on at a time: four tiles of six. Their scores stay in the first-level cache. */
const QUERY_ROWS: i32 = 24;

// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function roundUp(value: i32): i32 {
  return (value + 7) & ~7;
}

/** Bytes of scratch for `attentionHead` and `attentionHeadBackward`. */
export function attentionScratchBytes(tokens: i32, headWidth: i32): i32 {
  return roundUp(tokens) * 4 * (3 * roundUp(headWidth) + 2 * QUERY_ROWS);
}

/** X [tokens, headWidth] as transposed panels: eight tokens to a panel. */
function packTokens(tokens: i32, headWidth: i32, x: usize, stride: usize, panels: usize): void {
  for (let t = 0; t < tokens; t += 8) packRows(x + t * stride, stride, tokens - t, headWidth, 1, panels + t * headWidth * 4);
}

/** X [tokens, headWidth] as panels of eight of its columns. */
function packWidth(tokens: i32, headWidth: i32, x: usize, stride: usize, panels: usize): void {
  for (let d = 0; d < headWidth; d += 8) packColumns(x + d * 4, stride, tokens, 1, panels + d * tokens * 4);
}

/** out = X Yᵀ for some rows of X, with Y as transposed panels. Shapes: X [rows, headWidth], out [rows, paddedTokens]. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function multiplyByTokens(rows: i32, paddedTokens: i32, headWidth: i32, x: usize, stride: usize, panels: usize, out: usize): void {
  for (let t = 0; t < paddedTokens; t += 8) {
    multiplyPanel(rows, headWidth, x, stride, panels + t * headWidth * 4, 32, ZEROS, 0, ZEROS, out + t * 4, paddedTokens * 4, 8);
  }
}

/** out = P Y for some rows of P, with Y as panels of its columns. Shapes: P [rows, paddedTokens], out [rows, headWidth]. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function multiplyByWidth(rows: i32, tokens: i32, paddedTokens: i32, headWidth: i32, p: usize, panels: usize, out: usize, outStride: usize): void {
  for (let d = 0; d < headWidth; d += 8) {
    multiplyPanel(rows, tokens, p, paddedTokens * 4, panels + d * tokens * 4, 32, ZEROS, 0, ZEROS, out + d * 4, outStride, headWidth - d);
  }
}

/** out (+)= Pᵀ X over some rows of P and X. Shapes: P [rows, paddedTokens], X [rows, headWidth], out [tokens, headWidth]. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function addTransposed(isFirst: bool, rows: i32, tokens: i32, paddedTokens: i32, headWidth: i32, p: usize, x: usize, stride: usize, out: usize, outStride: usize): void {
  for (let d = 0; d < headWidth; d += 8) {
    const start = isFirst ? ZEROS : out + d * 4;
    multiplyPanelTransposed(tokens, rows, p, paddedTokens * 4, x + d * 4, stride, start, isFirst ? 0 : outStride, out + d * 4, outStride, headWidth - d);
  }
}

/** softmax(scale · row) in place; the padding past `tokens` becomes (nearly) zero. */
function softmax(row: usize, tokens: i32, paddedTokens: i32, scale: f32): void {
  for (let t = tokens; t < paddedTokens; t++) store<f32>(row + t * 4, -1e30);
  const end = row + paddedTokens * 4;
  let largest = f32x4.splat(-3e38);
  for (let p = row; p < end; p += 16) largest = f32x4.pmax(largest, v128.load(p));
  const shift = f32x4.splat(-laneMaximum(largest) * scale);
  const factor = f32x4.splat(scale);
  let sum = f32x4.splat(0);
  for (let p = row; p < end; p += 16) {
    const e = exponential(multiplyAdd(v128.load(p), factor, shift));
    v128.store(p, e);
    sum = f32x4.add(sum, e);
  }
  const inverse = f32x4.splat(1 / laneSum(sum));
  for (let p = row; p < end; p += 16) v128.store(p, f32x4.mul(v128.load(p), inverse));
}

/** context = softmax(scale · Q Kᵀ) V. Shapes: q, k, v [tokens, headWidth] with one stride, context [tokens, headWidth]. */
export function attentionHead(
  tokens: i32, headWidth: i32, q: usize, k: usize, v: usize, stride: usize, scale: f32,
  context: usize, contextStride: usize, scratch: usize,
): void {
  const padded = roundUp(tokens);
  const keys = scratch;
  const values = keys + padded * headWidth * 4;
  const weights = values + padded * roundUp(headWidth) * 4;
  packTokens(tokens, headWidth, k, stride, keys);
  packWidth(tokens, headWidth, v, stride, values);
  for (let t = 0; t < tokens; t += QUERY_ROWS) {
    const rows = min(QUERY_ROWS, tokens - t);
    multiplyByTokens(rows, padded, headWidth, q + t * stride, stride, keys, weights);
    for (let r = 0; r < rows; r++) softmax(weights + r * padded * 4, tokens, padded, scale);
    multiplyByWidth(rows, tokens, padded, headWidth, weights, values, context + t * contextStride, contextStride);
  }
}

/** dS = scale · P ∘ (dP - sum(P ∘ dP)) for one row, over dP. Shapes: p and dp [paddedTokens]. */
function softmaxBackward(p: usize, dp: usize, paddedTokens: i32, scale: f32): void {
  const bytes: usize = paddedTokens * 4;
  let sum = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) sum = multiplyAdd(v128.load(p + k), v128.load(dp + k), sum);
  const shift = f32x4.splat(-laneSum(sum));
  const factor = f32x4.splat(scale);
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(dp + k, f32x4.mul(f32x4.mul(v128.load(p + k), factor), f32x4.add(v128.load(dp + k), shift)));
  }
}

/**
 * Gradients of attentionHead with respect to q, k and v; the attention weights are computed again, nothing was stored.
 * Shapes: q, k, v [tokens, headWidth] with one stride; dContext; dq, dk, dv [tokens, headWidth] with one stride, written.
 */
export function attentionHeadBackward(
  tokens: i32, headWidth: i32, q: usize, k: usize, v: usize, stride: usize, scale: f32,
  dContext: usize, contextStride: usize, dq: usize, dk: usize, dv: usize, gradientStride: usize, scratch: usize,
): void {
  const padded = roundUp(tokens);
  const keys = scratch;
  const values = keys + padded * headWidth * 4;
  const keyColumns = values + padded * headWidth * 4;
  const weights = keyColumns + padded * roundUp(headWidth) * 4;
  const dWeights = weights + QUERY_ROWS * padded * 4;
  packTokens(tokens, headWidth, k, stride, keys);
  packTokens(tokens, headWidth, v, stride, values);
  packWidth(tokens, headWidth, k, stride, keyColumns);
  for (let t = 0; t < tokens; t += QUERY_ROWS) {
    const rows = min(QUERY_ROWS, tokens - t);
    const queries = q + t * stride;
    const dOutputs = dContext + t * contextStride;
    multiplyByTokens(rows, padded, headWidth, queries, stride, keys, weights);
    for (let r = 0; r < rows; r++) softmax(weights + r * padded * 4, tokens, padded, scale);
    addTransposed(t == 0, rows, tokens, padded, headWidth, weights, dOutputs, contextStride, dv, gradientStride);
    multiplyByTokens(rows, padded, headWidth, dOutputs, contextStride, values, dWeights);
    for (let r = 0; r < rows; r++) softmaxBackward(weights + r * padded * 4, dWeights + r * padded * 4, padded, scale);
    multiplyByWidth(rows, tokens, padded, headWidth, dWeights, keyColumns, dq + t * gradientStride, gradientStride);
    addTransposed(t == 0, rows, tokens, padded, headWidth, dWeights, queries, stride, dk, gradientStride);
  }
}
