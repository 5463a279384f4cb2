import { unroll, type Kernel } from '../../webgpu/kernel.ts';
import { largestHalf } from './reference.ts';

/**
 * Rounds `count` inputs to binary16, one behind the other: result [sum of lengths / 2] words, a thread for four numbers. `end<i>` is where input i
 * ends, in fours. One launch for all, and core WGSL: what `shader-f16` would store is the same bytes, and is read by the same instruction.
 */
export function packHalves(count: number): Kernel<string, string> {
  const parts = Array.from({ length: count }, (_, i) => i);
  return {
    key: `pack halves of ${count}`,
    inputs: Object.fromEntries(parts.map((i) => [`part${i}`, 'vec4f'])),
    output: 'vec2i',
    uniforms: Object.fromEntries(parts.map((i) => [`end${i}`, 'i32'])),
    body: `var value = part0[index];
  ${unroll(count - 1, (i) => `if (index >= uniforms.end${i}) { value = part${i + 1}[index - uniforms.end${i}]; }`)}
  let bounded = clamp(value, vec4f(-${largestHalf}.0), vec4f(${largestHalf}.0));
  result[index] = bitcast<vec2i>(vec2u(pack2x16float(bounded.xy), pack2x16float(bounded.zw)));`,
  };
}
