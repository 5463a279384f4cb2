// Everything the host calls. Pure functions on pointers: no allocation, no state, nothing imported but memory.
export { attentionHead, attentionHeadBackward, attentionScratchBytes } from './attention';
export { gelu, geluBackward } from './gelu';
export { linearBackward, linearForward, multiply, multiplyByTransposed, multiplyTransposed, panelBytes } from './product';
export { packWeights } from './quantized-panel';
export { embed, layerNorm, layerNormBackward, meanRows, scaleRow } from './rows';

/** First byte past the constants: where the host may begin to allocate. */
export function firstFreeByte(): usize {
  return __heap_base;
}
