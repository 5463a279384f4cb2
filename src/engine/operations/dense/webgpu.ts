import { unroll, type Kernel } from '../../webgpu/kernel.ts';
import { momentsOf } from '../layer-norm/webgpu.ts';

/** Rows and columns of C that one thread computes. */
const tile = 4;

/** Where C begins: at nothing, at a bias for each column, at what lies in `start`, or at what C holds already. */
export type ProductStart = 'bias' | 'bias and start' | 'nothing' | 'start' | 'itself';

const startOf: Readonly<Record<ProductStart, string>> = {
  bias: 'b[uniforms.biasOffset + column]',
  'bias and start': 'b[uniforms.biasOffset + column] + start[at]',
  nothing: '0.0',
  start: 'start[at]',
  itself: 'result[at]',
};

type ProductUniform = 'I' | 'J' | 'L' | 'aRow' | 'aStep' | 'bColumn' | 'bStep' | 'bOffset' | 'cOffset' | 'biasOffset';

/**
 * C[i, j] = start + sum over l < L of a[i * aRow + l * aStep] * b[bOffset + j * bColumn + l * bStep], a thread for a tile of C [I, J] at cOffset.
 * One text for x Wᵀ, dY W and dYᵀ X: which index runs along which is a matter of strides. Bias and offsets lie in `b`, which is theta there.
 */
export function product(start: ProductStart): Kernel<'a' | 'b' | 'start', ProductUniform> {
  const each = (text: (i: number, j: number) => string) => unroll(tile, (i) => unroll(tile, (j) => text(i, j)));
  return {
    key: `dense product from ${start}`,
    inputs: { a: 'f32', b: 'f32', start: 'f32' },
    output: 'f32',
    uniforms: { I: 'i32', J: 'i32', L: 'i32', aRow: 'i32', aStep: 'i32', bColumn: 'i32', bStep: 'i32', bOffset: 'i32', cOffset: 'i32', biasOffset: 'i32' },
    body: `let blocks = (uniforms.J + ${tile - 1}) / ${tile};
  let i0 = (index / blocks) * ${tile};
  let j0 = (index % blocks) * ${tile};
  ${unroll(tile, (i) => `var a${i} = min(i0 + ${i}, uniforms.I - 1) * uniforms.aRow;`)}
  ${unroll(tile, (j) => `var b${j} = uniforms.bOffset + min(j0 + ${j}, uniforms.J - 1) * uniforms.bColumn;`)}
  ${each((i, j) => `var s${i}${j} = 0.0;`)}
  for (var l = 0; l < uniforms.L; l++) {
    ${unroll(tile, (i) => `let x${i} = a[a${i}]; a${i} += uniforms.aStep;`)}
    ${unroll(tile, (j) => `let w${j} = b[b${j}]; b${j} += uniforms.bStep;`)}
    ${each((i, j) => `s${i}${j} = fma(x${i}, w${j}, s${i}${j});`)}
  }
  ${each((i, j) => `if (i0 + ${i} < uniforms.I && j0 + ${j} < uniforms.J) {
    let column = j0 + ${j};
    let at = uniforms.cOffset + (i0 + ${i}) * uniforms.J + column;
    result[at] = s${i}${j} + (${startOf[start]});
  }`)}`,
  };
}

export function productThreads(I: number, J: number): number {
  return Math.ceil(I / tile) * Math.ceil(J / tile);
}

/** result[offset + column] += sum over rows of x[row, column], a thread for each column. Shapes: x [rows, columns]. */
export const addColumns: Kernel<'x', 'rows' | 'columns' | 'offset'> = {
  key: 'dense add columns',
  inputs: { x: 'f32' },
  output: 'f32',
  uniforms: { rows: 'i32', columns: 'i32', offset: 'i32' },
  body: `var sum = 0.0;
  for (var m = 0; m < uniforms.rows; m++) { sum += x[m * uniforms.columns + index]; }
  result[uniforms.offset + index] += sum;`,
};

/** WGSL: four numbers of theta from `offset` on. */
const four = (offset: string) => `vec4f(theta[${offset}], theta[${offset} + 1], theta[${offset} + 2], theta[${offset} + 3])`;

/** Layer norm with weight and bias in theta, a thread for each row: result [M, D]. Shapes: x [M, D]. */
export function denseNorm(width: number): Kernel<'x' | 'theta', 'epsilon' | 'offsetWeight' | 'offsetBias'> {
  const width4 = width / 4;
  return {
    key: `dense norm ${width}`,
    inputs: { x: 'vec4f', theta: 'f32' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32', offsetWeight: 'i32', offsetBias: 'i32' },
    body: `let at = index * ${width4};
  ${momentsOf('x', width4)}
  for (var i = 0; i < ${width4}; i++) {
    result[at + i] = fma((x[at + i] - mean) * inverse, ${four('uniforms.offsetWeight + 4 * i')}, ${four('uniforms.offsetBias + 4 * i')});
  }`,
  };
}

/** Gradient of `denseNorm` with respect to x, as that of the frozen norm, a thread for each row: result [M, D]. Shapes: dy, x [M, D]. */
export function denseNormBackward(width: number): Kernel<'dy' | 'x' | 'theta', 'epsilon' | 'offsetWeight'> {
  const width4 = width / 4;
  return {
    key: `dense norm backward ${width}`,
    inputs: { dy: 'vec4f', x: 'vec4f', theta: 'f32' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32', offsetWeight: 'i32' },
    body: `let at = index * ${width4};
  ${momentsOf('x', width4)}
  var sumG = vec4f(0.0);
  var sumGN = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) {
    let g = dy[at + i] * ${four('uniforms.offsetWeight + 4 * i')};
    sumG += g;
    sumGN = fma(g, (x[at + i] - mean) * inverse, sumGN);
  }
  let meanG = (sumG.x + sumG.y + sumG.z + sumG.w) / ${width}.0;
  let meanGN = (sumGN.x + sumGN.y + sumGN.z + sumGN.w) / ${width}.0;
  for (var i = 0; i < ${width4}; i++) {
    let g = dy[at + i] * ${four('uniforms.offsetWeight + 4 * i')};
    result[at + i] = (g - meanG - (x[at + i] - mean) * inverse * meanGN) * inverse;
  }`,
  };
}

/** (x - mean) * inverse * dy, a thread for each row: result [M, D], whose column sums are the gradient of the weight. */
export function denseNormProducts(width: number): Kernel<'dy' | 'x', 'epsilon'> {
  const width4 = width / 4;
  return {
    key: `dense norm products ${width}`,
    inputs: { dy: 'vec4f', x: 'vec4f' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32' },
    body: `let at = index * ${width4};
  ${momentsOf('x', width4)}
  for (var i = 0; i < ${width4}; i++) { result[at + i] = (x[at + i] - mean) * inverse * dy[at + i]; }`,
  };
}

/** Sums of rows of theta, a thread for each number: result [T, width]. Shapes: starts [T, parts] offsets in theta. */
export const gatherSums: Kernel<'theta' | 'starts', 'width' | 'parts'> = {
  key: 'dense gather sums',
  inputs: { theta: 'f32', starts: 'i32' },
  output: 'f32',
  uniforms: { width: 'i32', parts: 'i32' },
  body: `let d = index % uniforms.width;
  let first = (index / uniforms.width) * uniforms.parts;
  var sum = 0.0;
  for (var p = 0; p < uniforms.parts; p++) { sum += theta[starts[first + p] + d]; }
  result[index] = sum;`,
};

/**
 * result[target + d] += sum of dy over the tokens of a group, a thread for each number of each group: each row of the tables is written by one thread.
 * `groups` holds [G, 3]: target offset, first and end place in `order`; tokens in `order`.
 */
export const scatterSums: Kernel<'dy' | 'groups' | 'order', 'width'> = {
  key: 'dense scatter sums',
  inputs: { dy: 'f32', groups: 'i32', order: 'i32' },
  output: 'f32',
  uniforms: { width: 'i32' },
  body: `let d = index % uniforms.width;
  let group = (index / uniforms.width) * 3;
  var sum = 0.0;
  for (var p = groups[group + 1]; p < groups[group + 2]; p++) { sum += dy[order[p] * uniforms.width + d]; }
  result[groups[group] + d] += sum;`,
};
