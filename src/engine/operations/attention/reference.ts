import type { FloatArray } from '../../reference/float-array.ts';

/** softmax(Q_i · K_j / sqrt(head width)) over j in [start, end) for one token and head; `at` is the head's first column. */
function attentionRow(qkv: FloatArray, width: number, at: number, headWidth: number, token: number, start: number, end: number, row: Float64Array): void {
  const scale = 1 / Math.sqrt(headWidth);
  let maximum = -Infinity;
  for (let j = start; j < end; j++) {
    let dot = 0;
    for (let d = 0; d < headWidth; d++) dot += qkv[token * 3 * width + at + d]! * qkv[j * 3 * width + width + at + d]!;
    row[j - start] = dot * scale;
    maximum = Math.max(maximum, dot * scale);
  }
  let sum = 0;
  for (let j = 0; j < end - start; j++) sum += row[j] = Math.exp(row[j]! - maximum);
  for (let j = 0; j < end - start; j++) row[j]! /= sum;
}

/**
 * Multi-head attention of each row on its own tokens (Vaswani et al., arXiv 1706.03762, eq. 1).
 * Shapes: qkv [T, 3D], context [T, D].
 */
export function attention(qkv: FloatArray, offsets: Int32Array, width: number, heads: number, context: FloatArray): void {
  const headWidth = width / heads;
  for (let b = 0; b + 1 < offsets.length; b++) {
    const [start, end] = [offsets[b]!, offsets[b + 1]!];
    const row = new Float64Array(end - start);
    for (let at = 0; at < width; at += headWidth) {
      for (let i = start; i < end; i++) {
        attentionRow(qkv, width, at, headWidth, i, start, end, row);
        for (let d = 0; d < headWidth; d++) {
          let sum = 0;
          for (let j = start; j < end; j++) sum += row[j - start]! * qkv[j * 3 * width + 2 * width + at + d]!;
          context[i * width + at + d] = sum;
        }
      }
    }
  }
}

/**
 * With P = softmax(S): dV_j = sum_i P_ij dO_i; dS_ij = P_ij (dO_i · V_j - dO_i · O_i); dQ_i = sum_j dS_ij K_j / sqrt(d);
 * dK_j = sum_i dS_ij Q_i / sqrt(d). P is computed again, so nothing of size T x T is kept.
 * Shapes: qkv, dQkv [T, 3D], context, dContext [T, D].
 */
export function attentionBackward(qkv: FloatArray, context: FloatArray, dContext: FloatArray, offsets: Int32Array, width: number, heads: number, dQkv: FloatArray): void {
  const headWidth = width / heads;
  const scale = 1 / Math.sqrt(headWidth);
  const sum = new Float64Array(dQkv.length);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const [start, end] = [offsets[b]!, offsets[b + 1]!];
    const row = new Float64Array(end - start);
    for (let at = 0; at < width; at += headWidth) {
      for (let i = start; i < end; i++) {
        attentionRow(qkv, width, at, headWidth, i, start, end, row);
        let outputDot = 0;
        for (let d = at; d < at + headWidth; d++) outputDot += dContext[i * width + d]! * context[i * width + d]!;
        for (let j = start; j < end; j++) {
          const [query, key, value] = [i * 3 * width + at, j * 3 * width + width + at, j * 3 * width + 2 * width + at];
          let valueDot = 0;
          for (let d = 0; d < headWidth; d++) valueDot += dContext[i * width + at + d]! * qkv[value + d]!;
          const dScore = row[j - start]! * (valueDot - outputDot) * scale;
          for (let d = 0; d < headWidth; d++) {
            sum[query + d]! += dScore * qkv[key + d]!;
            sum[key + d]! += dScore * qkv[query + d]!;
            sum[value + d]! += row[j - start]! * dContext[i * width + at + d]!;
          }
        }
      }
    }
  }
  dQkv.set(sum);
}
