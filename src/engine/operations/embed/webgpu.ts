import type { Kernel } from '../../webgpu/kernel.ts';
import { rowOfToken } from '../../webgpu/sequence-buffer.ts';
import { momentsOf } from '../layer-norm/webgpu.ts';

/**
 * LayerNorm(word[id] + position[index in row]), a thread for each token: result [T, D].
 * Shapes: ids [T], word [V, D / 4] packed, wordScale [V] times 127, position [positions, D] with the token type 0 already added.
 */
export function embed(width: number): Kernel<'ids' | 'sequences' | 'word' | 'wordScale' | 'position' | 'gain' | 'bias', 'rows' | 'epsilon'> {
  const width4 = width / 4;
  return {
    key: `embed ${width}`,
    inputs: { ids: 'i32', sequences: 'i32', word: 'i32', wordScale: 'f32', position: 'vec4f', gain: 'vec4f', bias: 'vec4f' },
    output: 'vec4f',
    uniforms: { rows: 'i32', epsilon: 'f32' },
    body: `let at = index * ${width4};
  let row = ${rowOfToken('index')};
  let place = (index - sequences[row]) * ${width4};
  let id = ids[index];
  let scale = wordScale[id];
  for (var i = 0; i < ${width4}; i++) {
    result[at + i] = fma(unpack4x8snorm(u32(word[id * ${width4} + i])), vec4f(scale), position[place + i]);
  }
  ${momentsOf('result', width4)}
  for (var i = 0; i < ${width4}; i++) { result[at + i] = fma((result[at + i] - mean) * inverse, gain[i], bias[i]); }`,
  };
}
