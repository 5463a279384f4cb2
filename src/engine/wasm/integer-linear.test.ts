import { readFile } from 'node:fs/promises';
import { describeIntegerLinear } from './testing/describe-integer-linear.ts';

const file = (build: string) => () => readFile(new URL(`./kernels.${build}.wasm`, import.meta.url));

// Node 20 runs the relaxed build only under a flag; the browser test holds it to the same.
describeIntegerLinear('simd', { simd: file('simd'), relaxed: file('relaxed') });
