/** The engine on WebAssembly: weights from their file, kernels, forward and backward pass. */
export { createEngine } from '../../../src/engine/bert.ts';
export { loadBert } from '../../../src/engine/model/load.ts';
export { readSafetensors } from '../../../src/engine/model/safetensors.ts';
export { instantiateKernels } from '../../../src/engine/wasm/module.ts';
export { createWasmOperations } from '../../../src/engine/wasm/wasm-operations.ts';
export { default as relaxedKernels } from '../../../src/engine/wasm/kernels.relaxed.wasm?url';
export { default as plainKernels } from '../../../src/engine/wasm/kernels.simd.wasm?url';
