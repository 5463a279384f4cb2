/**
 * The exports of `assembly/kernels.ts`, where shapes are documented. Pointers and strides count bytes,
 * other arguments elements; a pointer of 0 means "none" where the kernel allows it.
 */
export interface Kernels {
  firstFreeByte(): number;
  panelBytes(depth: number): number;
  multiply(
    M: number, N: number, K: number, a: number, aStride: number, b: number, bStride: number, scale: number,
    start: number, startStride: number, c: number, cStride: number, scratch: number,
  ): void;
  multiplyByTransposed(
    M: number, N: number, K: number, a: number, aStride: number, b: number, bStride: number, scale: number,
    start: number, startStride: number, bias: number, c: number, cStride: number, scratch: number,
  ): void;
  multiplyTransposed(
    M: number, N: number, K: number, a: number, aStride: number, b: number, bStride: number, scale: number,
    c: number, cStride: number, scratch: number,
  ): void;
  packWeights(rows: number, columns: number, source: number, target: number): void;
  linearForward(M: number, N: number, K: number, x: number, weights: number, scales: number, bias: number, residual: number, y: number, scratch: number): void;
  integerScratchBytes(depth: number): number;
  linearForwardIntegers(M: number, N: number, K: number, x: number, weights: number, scales: number, bias: number, residual: number, y: number, scratch: number): void;
  linearBackward(M: number, N: number, K: number, dy: number, weights: number, scales: number, residual: number, dx: number, scratch: number): void;
  gelu(length: number, x: number, y: number): void;
  geluBackward(length: number, dy: number, x: number, dx: number): void;
  layerNorm(M: number, D: number, x: number, weight: number, bias: number, epsilon: number, y: number): void;
  layerNormBackward(M: number, D: number, dy: number, x: number, weight: number, epsilon: number, dx: number): void;
  embed(
    M: number, D: number, ids: number, words: number, wordScales: number, positions: number, positionScales: number,
    tokenType: number, tokenTypeScale: number, y: number,
  ): void;
  meanRows(M: number, D: number, x: number, y: number): void;
  scaleRow(D: number, factor: number, x: number, y: number): void;
  attentionScratchBytes(tokens: number, headWidth: number): number;
  attentionHead(
    tokens: number, headWidth: number, q: number, k: number, v: number, stride: number, scale: number,
    context: number, contextStride: number, scratch: number,
  ): void;
  attentionHeadBackward(
    tokens: number, headWidth: number, q: number, k: number, v: number, stride: number, scale: number,
    dContext: number, contextStride: number, dq: number, dk: number, dv: number, gradientStride: number, scratch: number,
  ): void;
  headLogits(M: number, K: number, panels: number, x: number, w: number, biasInput: number, y: number): void;
  weavePairs(pairs: number, panels: number, x: number, target: number): void;
  addPairs(pairs: number, panels: number, tiles: number, x: number, r: number, sum: number): void;
}
