import { unroll, workgroupThreads, type Kernel } from '../../webgpu/kernel.ts';

/**
 * Frozen int8 linear maps. One layout serves both directions: Wᵀ as packed words [K, N / 4], four outputs n to a word.
 * `scale` is [N] times 127, since unpack4x8snorm yields q / 127.
 * A thread computes some tokens by 4 or 8 columns in registers; a workgroup covers 8 by 8 threads, columns first.
 */

/** Tokens that a thread computes: few fill a device with little work, many read each weight less often. Which is fastest is measured (`webgpu/tune-device.ts`). */
export const linearTiles = [4, 2, 8] as const;
export type LinearTile = (typeof linearTiles)[number];

const components = ['x', 'y', 'z', 'w'] as const;
const side = 8;

function tiles(columnBlocks: number): number {
  return Math.ceil(columnBlocks / side);
}

/** Places a thread: `block` of columns and first `token`, for `tilesAcross` workgroups along the columns. */
function place(tilesAcross: number, columnBlocks: number, tile: LinearTile): string {
  return `let tile = index / ${workgroupThreads};
  let lane = index % ${workgroupThreads};
  let block = (tile % ${tilesAcross}) * ${side} + lane % ${side};
  let token = ((tile / ${tilesAcross}) * ${side} + lane / ${side}) * ${tile};
  if (block >= ${columnBlocks} || token >= uniforms.tokens) { return; }
  let last = uniforms.tokens - 1;`;
}

function threads(columnBlocks: number, tokens: number, tile: LinearTile): number {
  return tiles(columnBlocks) * Math.ceil(tokens / (tile * side)) * workgroupThreads;
}

/** Words a thread of the forward kernel covers: two where N allows it, which halves the reads of x. */
function wordsOfThread(N: number): 1 | 2 {
  return N % 8 === 0 ? 2 : 1;
}

type LinearInput = 'x' | 'weight' | 'scale' | 'bias';

/** y = x · Wᵀ + b: result [T, N]. Shapes: x [T, K]. */
export function linear(K: number, N: number, tile: LinearTile): Kernel<LinearInput, 'tokens'> {
  return {
    key: `linear ${K} ${N} by ${tile}`,
    inputs: { x: 'vec4f', weight: 'i32', scale: 'vec4f', bias: 'vec4f' },
    output: 'vec4f',
    uniforms: { tokens: 'i32' },
    body: linearBody(K, N, tile, () => ''),
  };
}

/** y = x · Wᵀ + b + residual: result [T, N]. Shapes: x [T, K], residual [T, N]. */
export function linearWithResidual(K: number, N: number, tile: LinearTile): Kernel<LinearInput | 'residual', 'tokens'> {
  return {
    key: `linear with residual ${K} ${N} by ${tile}`,
    inputs: { x: 'vec4f', weight: 'i32', scale: 'vec4f', bias: 'vec4f', residual: 'vec4f' },
    output: 'vec4f',
    uniforms: { tokens: 'i32' },
    body: linearBody(K, N, tile, (at) => ` + residual[${at}]`),
  };
}

function linearBody(K: number, N: number, tile: LinearTile, residual: (at: string) => string): string {
  const words = wordsOfThread(N);
  const [k4, n4] = [K / 4, N / 4];
  const blocks = n4 / words;
  const perToken = (text: (i: number) => string) => unroll(tile, text);
  const perWord = (text: (j: number) => string) => unroll(words, text);
  const step = (component: string) => `{
    ${perWord((j) => `let w${j} = unpack4x8snorm(u32(weight[at + ${j}]));`)}
    at += ${n4};
    ${perToken((i) => perWord((j) => `sum${i}_${j} = fma(vec4f(x${i}.${component}), w${j}, sum${i}_${j});`))}
  }`;
  return `${place(tiles(blocks), blocks, tile)}
  let word = block * ${words};
  ${perToken((i) => `let row${i} = min(token + ${i}, last) * ${k4};`)}
  ${perToken((i) => perWord((j) => `var sum${i}_${j} = vec4f(0.0);`))}
  var at = word;
  for (var k = 0; k < ${k4}; k++) {
    ${perToken((i) => `let x${i} = x[row${i} + k];`)}
    ${components.map(step).join('\n')}
  }
  ${perWord((j) => `let scale${j} = scale[word + ${j}]; let bias${j} = bias[word + ${j}];`)}
  ${perToken((i) => `if (token + ${i} < uniforms.tokens) {
    let out = (token + ${i}) * ${n4} + word;
    ${perWord((j) => `result[out + ${j}] = fma(sum${i}_${j}, scale${j}, bias${j})${residual(`out + ${j}`)};`)}
  }`)}`;
}

export function linearThreads(N: number, tokens: number, tile: LinearTile): number {
  return threads(N / 4 / wordsOfThread(N), tokens, tile);
}

type LinearBackwardInput = 'dy' | 'weight' | 'scale';

/** dx = dy · W: result [T, K]. Shapes: dy [T, N]. */
export function linearBackward(K: number, N: number, tile: LinearTile): Kernel<LinearBackwardInput, 'tokens'> {
  return {
    key: `linear backward ${K} ${N} by ${tile}`,
    inputs: { dy: 'vec4f', weight: 'i32', scale: 'vec4f' },
    output: 'vec4f',
    uniforms: { tokens: 'i32' },
    body: linearBackwardBody(K, N, tile, () => ''),
  };
}

/** dx = dy · W + residual: result [T, K]. Shapes: dy [T, N], residual [T, K]. */
export function linearBackwardWithResidual(K: number, N: number, tile: LinearTile): Kernel<LinearBackwardInput | 'residual', 'tokens'> {
  return {
    key: `linear backward with residual ${K} ${N} by ${tile}`,
    inputs: { dy: 'vec4f', weight: 'i32', scale: 'vec4f', residual: 'vec4f' },
    output: 'vec4f',
    uniforms: { tokens: 'i32' },
    body: linearBackwardBody(K, N, tile, (at) => ` + residual[${at}]`),
  };
}

function linearBackwardBody(K: number, N: number, tile: LinearTile, residual: (at: string) => string): string {
  const [k4, n4] = [K / 4, N / 4];
  const perToken = (text: (i: number) => string) => unroll(tile, text);
  return `${place(tiles(k4), k4, tile)}
  ${perToken((i) => `let row${i} = min(token + ${i}, last) * ${n4}; var sum${i} = vec4f(0.0);`)}
  let first = block * ${4 * n4};
  for (var n = 0; n < ${n4}; n++) {
    let s = scale[n];
    ${perToken((i) => `let d${i} = dy[row${i} + n] * s;`)}
    ${components.map((component, j) => `{
      let w = unpack4x8snorm(u32(weight[first + ${j * n4} + n]));
      ${perToken((i) => `sum${i}.${component} += dot(d${i}, w);`)}
    }`).join('\n')}
  }
  ${perToken((i) => `if (token + ${i} < uniforms.tokens) {
    let out = (token + ${i}) * ${k4} + block;
    result[out] = sum${i}${residual('out')};
  }`)}`;
}

export function linearBackwardThreads(K: number, tokens: number, tile: LinearTile): number {
  return threads(K / 4, tokens, tile);
}
