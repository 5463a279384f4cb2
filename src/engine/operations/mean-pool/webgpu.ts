import type { Kernel } from '../../webgpu/kernel.ts';
import { rowOfToken } from '../../webgpu/sequence-buffer.ts';

/** Mean over each row's tokens, a thread for four columns of a row: result [B, D]. Shapes: x [T, D]. */
export function meanPool(width: number): Kernel<'x' | 'sequences', never> {
  const width4 = width / 4;
  return {
    key: `mean pool ${width}`,
    inputs: { x: 'vec4f', sequences: 'i32' },
    output: 'vec4f',
    uniforms: {},
    body: `let row = index / ${width4};
  let column = index % ${width4};
  let first = sequences[row];
  let end = sequences[row + 1];
  var sum = vec4f(0.0);
  for (var t = first; t < end; t++) { sum += x[t * ${width4} + column]; }
  result[index] = sum / f32(end - first);`,
  };
}

/** dPooled / row length at each token, a thread for four columns of a token: result [T, D]. Shapes: dPooled [B, D]. */
export function meanPoolBackward(width: number): Kernel<'dPooled' | 'sequences', 'rows'> {
  const width4 = width / 4;
  return {
    key: `mean pool backward ${width}`,
    inputs: { dPooled: 'vec4f', sequences: 'i32' },
    output: 'vec4f',
    uniforms: { rows: 'i32' },
    body: `let row = ${rowOfToken(`index / ${width4}`)};
  result[index] = dPooled[row * ${width4} + index % ${width4}] / f32(sequences[row + 1] - sequences[row]);`,
  };
}
