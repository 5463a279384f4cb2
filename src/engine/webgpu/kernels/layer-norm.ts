import type { Kernel } from '../kernel.ts';

/** WGSL: mean and 1 / sqrt(biased variance + epsilon) of the D = 4 * width4 numbers of `source` from `at`; two passes, so that nothing cancels. */
export function momentsOf(source: string, width4: number): string {
  return `var total = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) { total += ${source}[at + i]; }
  let mean = (total.x + total.y + total.z + total.w) / ${4 * width4}.0;
  var squares = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) { let d = ${source}[at + i] - mean; squares = fma(d, d, squares); }
  let inverse = 1.0 / sqrt((squares.x + squares.y + squares.z + squares.w) / ${4 * width4}.0 + uniforms.epsilon);`;
}

/** (x - mean) / sqrt(variance + epsilon) * gain + bias, a thread for each token: result [T, D]. Shapes: x [T, D]. */
export function layerNorm(width: number): Kernel<'x' | 'gain' | 'bias', 'epsilon'> {
  const width4 = width / 4;
  return {
    key: `layer norm ${width}`,
    inputs: { x: 'vec4f', gain: 'vec4f', bias: 'vec4f' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32' },
    body: `let at = index * ${width4};
  ${momentsOf('x', width4)}
  for (var i = 0; i < ${width4}; i++) { result[at + i] = fma((x[at + i] - mean) * inverse, gain[i], bias[i]); }`,
  };
}

/** With n = (x - mean) * inverse, g = dy * gain: (g - mean(g) - n * mean(g n)) * inverse: result [T, D]. Shapes: dy, x [T, D]. */
export function layerNormBackward(width: number): Kernel<'dy' | 'x' | 'gain', 'epsilon'> {
  const width4 = width / 4;
  return {
    key: `layer norm backward ${width}`,
    inputs: { dy: 'vec4f', x: 'vec4f', gain: 'vec4f' },
    output: 'vec4f',
    uniforms: { epsilon: 'f32' },
    body: `let at = index * ${width4};
  ${momentsOf('x', width4)}
  var sumG = vec4f(0.0);
  var sumGN = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) {
    let g = dy[at + i] * gain[i];
    sumG += g;
    sumGN = fma(g, (x[at + i] - mean) * inverse, sumGN);
  }
  let meanG = (sumG.x + sumG.y + sumG.z + sumG.w) / ${width}.0;
  let meanGN = (sumGN.x + sumGN.y + sumGN.z + sumGN.w) / ${width}.0;
  for (var i = 0; i < ${width4}; i++) {
    result[at + i] = (dy[at + i] * gain[i] - meanG - (x[at + i] - mean) * inverse * meanGN) * inverse;
  }`,
  };
}
