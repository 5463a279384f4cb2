import type { Kernel, Stored } from '../../webgpu/kernel.ts';
import { rowText, type RowWay } from '../../webgpu/row-way.ts';

/** WGSL: mean and 1 / sqrt(biased variance + epsilon) of the D = 4 * width4 numbers of `source` from `at`; two passes, so that nothing cancels. */
export function momentsOf(source: string, width4: number): string {
  return `var total = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) { total += ${source}[at + i]; }
  let mean = (total.x + total.y + total.z + total.w) / ${4 * width4}.0;
  var squares = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) { let d = ${source}[at + i] - mean; squares = fma(d, d, squares); }
  let inverse = 1.0 / sqrt((squares.x + squares.y + squares.z + squares.w) / ${4 * width4}.0 + uniforms.epsilon);`;
}

/** The same of the input x, in a way that may share a row among threads. */
function momentsOfRow({ each, sum }: Pick<ReturnType<typeof rowText>, 'each' | 'sum'>, width: number): string {
  return `var total = vec4f(0.0);
  ${each('total += xAt(at + i);')}
  let mean = ${sum('sumOfRow', 'total.x + total.y + total.z + total.w')} / ${width}.0;
  var squares = vec4f(0.0);
  ${each('let d = xAt(at + i) - mean; squares = fma(d, d, squares);')}
  let inverse = 1.0 / sqrt(${sum('sumOfSquares', 'squares.x + squares.y + squares.z + squares.w')} / ${width}.0 + uniforms.epsilon);`;
}

/** (x - mean) / sqrt(variance + epsilon) * gain + bias, a thread or a workgroup for each token: result [T, D]. Shapes: x [T, D]. */
export function layerNorm(width: number, way: RowWay = 'thread', stored: Stored = 'vec4f'): Kernel<'x' | 'gain' | 'bias', 'epsilon'> {
  const width4 = width / 4;
  const text = rowText(way, width4, { sumOfRow: 'f32', sumOfSquares: 'f32' });
  return {
    key: `layer norm ${width} by ${way} of ${stored}`,
    inputs: { x: stored, gain: 'vec4f', bias: 'vec4f' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32' },
    isByWorkgroup: text.isByWorkgroup,
    declarations: text.declarations,
    body: `let at = ${text.row} * ${width4};
  ${momentsOfRow(text, width)}
  ${text.each('result[at + i] = fma((xAt(at + i) - mean) * inverse, gain[i], bias[i]);')}`,
  };
}

/** With n = (x - mean) * inverse, g = dy * gain: (g - mean(g) - n * mean(g n)) * inverse: result [T, D]. Shapes: dy, x [T, D]. */
export function layerNormBackward(width: number, way: RowWay = 'thread', stored: Stored = 'vec4f'): Kernel<'dy' | 'x' | 'gain', 'epsilon'> {
  const width4 = width / 4;
  const text = rowText(way, width4, { sumOfRow: 'f32', sumOfSquares: 'f32', sumsOfGradient: 'vec2f' });
  return {
    key: `layer norm backward ${width} by ${way} of ${stored}`,
    inputs: { dy: 'vec4f', x: stored, gain: 'vec4f' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32' },
    isByWorkgroup: text.isByWorkgroup,
    declarations: text.declarations,
    body: `let at = ${text.row} * ${width4};
  ${momentsOfRow(text, width)}
  var sumG = vec4f(0.0);
  var sumGN = vec4f(0.0);
  ${text.each(`let g = dy[at + i] * gain[i];
    sumG += g;
    sumGN = fma(g, (xAt(at + i) - mean) * inverse, sumGN);`)}
  let sums = ${text.sum('sumsOfGradient', 'vec2f(sumG.x + sumG.y + sumG.z + sumG.w, sumGN.x + sumGN.y + sumGN.z + sumGN.w)')};
  let meanG = sums.x / ${width}.0;
  let meanGN = sums.y / ${width}.0;
  ${text.each('result[at + i] = (dy[at + i] * gain[i] - meanG - (xAt(at + i) - mean) * inverse * meanGN) * inverse;')}`,
  };
}
