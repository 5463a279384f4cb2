import type { Kernel } from './kernel.ts';

/** Sets a whole buffer to a value; a recycled buffer holds what its last user left. */
export const fill: Kernel<never, 'value'> = {
  key: 'fill',
  inputs: {},
  output: 'vec4f',
  uniforms: { value: 'f32' },
  body: 'result[index] = vec4f(uniforms.value);',
};
