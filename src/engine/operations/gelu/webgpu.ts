import type { Kernel, Stored } from '../../webgpu/kernel.ts';

/**
 * Phi(x) by erfc, whose fit has a relative error below 1.2e-7 everywhere, so that the lower tail keeps its digits.
 * Source: the Chebyshev fit of erfc in Press et al., Numerical Recipes, 2nd ed., section 6.2.
 */
const normalCdf = `
fn normalCdf(x : vec4f) -> vec4f {
  let z = abs(x) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.5 * z);
  let polynomial = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(polynomial - z * z);
  return select(tail, 1.0 - tail, x >= vec4f(0.0));
}`;

/** x Phi(x): result [length]. */
export function gelu(stored: Stored = 'vec4f'): Kernel<'x', never> {
  return {
    key: `gelu of ${stored}`,
    inputs: { x: stored },
    output: 'vec4f',
    uniforms: {},
    declarations: normalCdf,
    body: 'let value = xAt(index); result[index] = value * normalCdf(value);',
  };
}

/** dy * (Phi(x) + x phi(x)): result [length]. */
export function geluBackward(stored: Stored = 'vec4f'): Kernel<'dy' | 'x', never> {
  return {
    key: `gelu backward of ${stored}`,
    inputs: { dy: 'vec4f', x: stored },
    output: 'vec4f',
    uniforms: {},
    declarations: normalCdf,
    body: `let value = xAt(index);
  let density = exp(-0.5 * value * value) * 0.3989422804014327;
  result[index] = dy[index] * (normalCdf(value) + value * density);`,
  };
}
