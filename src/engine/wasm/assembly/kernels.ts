// Everything the host calls. Pure functions on pointers: no allocation, no state, nothing imported but memory.
// LoRA and the head above it have no kernel of their own: they are the products of `product.ts`. The head over cached features has `head-products.ts`.
export { attentionHead, attentionHeadBackward, attentionScratchBytes } from '../../operations/attention/wasm';
export { gelu, geluBackward } from '../../operations/gelu/wasm';
export { integerScratchBytes, linearBackward, linearForward, linearForwardIntegers } from '../../operations/linear/wasm';
export { addPairs, headLogits, weavePairs } from './head-products';
export { multiply, multiplyByTransposed, multiplyTransposed, panelBytes } from './product';
export { packWeights } from './quantized-panel';
export { embed } from '../../operations/embed/wasm';
export { layerNorm, layerNormBackward } from '../../operations/layer-norm/wasm';
export { meanRows, scaleRow } from '../../operations/mean-pool/wasm';

/** First byte past the constants: where the host may begin to allocate. */
export function firstFreeByte(): usize {
  return __heap_base;
}
