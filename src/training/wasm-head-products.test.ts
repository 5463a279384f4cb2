import { readFile } from 'node:fs/promises';
import { createHeadProducts } from '../engine/wasm/head-products.ts';
import { instantiateKernels } from '../engine/wasm/module.ts';
import { describeHeadProducts } from './testing/describe-head-products.ts';

const file = (build: string) => () => readFile(new URL(`../engine/wasm/kernels.${build}.wasm`, import.meta.url));

// Node 20 runs the relaxed build only under a flag; the browser test holds it to the same.
describeHeadProducts('simd', async () => {
  const module = await instantiateKernels({ simd: file('simd'), relaxed: file('relaxed') }, 'simd');
  return { products: createHeadProducts(module), memory: module.memory };
});
