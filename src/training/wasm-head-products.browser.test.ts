import { createHeadProducts } from '../engine/wasm/head-products.ts';
import relaxedUrl from '../engine/wasm/kernels.relaxed.wasm?url';
import simdUrl from '../engine/wasm/kernels.simd.wasm?url';
import { instantiateKernels } from '../engine/wasm/module.ts';
import { describeHeadProducts } from './testing/describe-head-products.ts';

const file = (url: string) => async () => (await fetch(url)).arrayBuffer();

for (const build of ['simd', 'relaxed'] as const) {
  describeHeadProducts(build, async () => {
    const module = await instantiateKernels({ simd: file(simdUrl), relaxed: file(relaxedUrl) }, build);
    return { products: createHeadProducts(module), memory: module.memory };
  });
}
