import type { Kernel } from '../kernel.ts';

/**
 * LoRA (Hu et al., arXiv 2106.09685) beside a map from K to N columns, with A [R, K] at offsetA and B [N, R] at offsetB of theta.
 * Its N columns begin at four times `column4` in rows of `stride`. Rank, offsets and first column are uniforms: adapters of maps of one
 * shape share these kernels. theta is read number by number, since B's rows and the rows of the gradients [B, P] start where four does not divide.
 */

/** u = x Aᵀ, a thread for each token and rank: result [T, R]. Shapes: x [T, K]. */
export function loraDown(width: number): Kernel<'x' | 'theta', 'rank' | 'offsetA'> {
  return {
    key: `lora down ${width}`,
    inputs: { x: 'vec4f', theta: 'f32' },
    output: 'f32',
    uniforms: { rank: 'i32', offsetA: 'i32' },
    body: `let token = index / uniforms.rank;
  let r = index % uniforms.rank;
  var a = uniforms.offsetA + r * ${width};
  var sum = vec4f(0.0);
  for (var i = 0; i < ${width / 4}; i++) {
    sum = fma(x[token * ${width / 4} + i], vec4f(theta[a], theta[a + 1], theta[a + 2], theta[a + 3]), sum);
    a += 4;
  }
  result[index] = sum.x + sum.y + sum.z + sum.w;`,
  };
}

/** y += scaling * u Bᵀ, a thread for four columns of a token, in place: result [T, stride]. Shapes: u [T, R]. */
export function loraUp(width: number, stride: number): Kernel<'u' | 'theta', 'rank' | 'offsetB' | 'column4' | 'scaling'> {
  const width4 = width / 4;
  return {
    key: `lora up ${width} of ${stride}`,
    inputs: { u: 'f32', theta: 'f32' },
    output: 'vec4f',
    uniforms: { rank: 'i32', offsetB: 'i32', column4: 'i32', scaling: 'f32' },
    body: `let token = index / ${width4};
  let column = index % ${width4};
  let rank = uniforms.rank;
  var b = uniforms.offsetB + column * 4 * rank;
  var sum = vec4f(0.0);
  for (var r = 0; r < rank; r++) {
    sum = fma(vec4f(u[token * rank + r]), vec4f(theta[b], theta[b + rank], theta[b + 2 * rank], theta[b + 3 * rank]), sum);
    b += 1;
  }
  let out = token * ${stride / 4} + uniforms.column4 + column;
  result[out] = fma(sum, vec4f(uniforms.scaling), result[out]);`,
  };
}

/** v = scaling * dY B, a thread for each token and rank: result [T, R]. Shapes: dy [T, stride]. */
export function loraUpBackward(width: number, stride: number): Kernel<'dy' | 'theta', 'rank' | 'offsetB' | 'column4' | 'scaling'> {
  const width4 = width / 4;
  return {
    key: `lora up backward ${width} of ${stride}`,
    inputs: { dy: 'vec4f', theta: 'f32' },
    output: 'f32',
    uniforms: { rank: 'i32', offsetB: 'i32', column4: 'i32', scaling: 'f32' },
    body: `let rank = uniforms.rank;
  let token = index / rank;
  let first = token * ${stride / 4} + uniforms.column4;
  var b = uniforms.offsetB + index % rank;
  var sum = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) {
    sum = fma(dy[first + i], vec4f(theta[b], theta[b + rank], theta[b + 2 * rank], theta[b + 3 * rank]), sum);
    b += 4 * rank;
  }
  result[index] = (sum.x + sum.y + sum.z + sum.w) * uniforms.scaling;`,
  };
}

/** dx += v A, a thread for four columns of a token, in place: result [T, K]. Shapes: v [T, R]. */
export function loraDownBackward(width: number): Kernel<'v' | 'theta', 'rank' | 'offsetA'> {
  const width4 = width / 4;
  return {
    key: `lora down backward ${width}`,
    inputs: { v: 'f32', theta: 'f32' },
    output: 'vec4f',
    uniforms: { rank: 'i32', offsetA: 'i32' },
    body: `let token = index / ${width4};
  var a = uniforms.offsetA + (index % ${width4}) * 4;
  var sum = vec4f(0.0);
  for (var r = 0; r < uniforms.rank; r++) {
    sum = fma(vec4f(v[token * uniforms.rank + r]), vec4f(theta[a], theta[a + 1], theta[a + 2], theta[a + 3]), sum);
    a += ${width};
  }
  result[index] += sum;`,
  };
}

/** dA[b] = sum over the row's tokens of v_tᵀ x_t, a thread for four columns of a rank of a row, into result [B, P]. */
export function loraGradientA(width: number): Kernel<'v' | 'x' | 'sequences', 'rank' | 'offsetA' | 'parameters'> {
  const width4 = width / 4;
  return {
    key: `lora gradient A ${width}`,
    inputs: { v: 'f32', x: 'vec4f', sequences: 'i32' },
    output: 'f32',
    uniforms: { rank: 'i32', offsetA: 'i32', parameters: 'i32' },
    body: `let rank = uniforms.rank;
  let column = index % ${width4};
  let r = (index / ${width4}) % rank;
  let row = index / (${width4} * rank);
  var sum = vec4f(0.0);
  for (var t = sequences[row]; t < sequences[row + 1]; t++) {
    sum = fma(vec4f(v[t * rank + r]), x[t * ${width4} + column], sum);
  }
  let out = row * uniforms.parameters + uniforms.offsetA + r * ${width} + column * 4;
  result[out] = sum.x;
  result[out + 1] = sum.y;
  result[out + 2] = sum.z;
  result[out + 3] = sum.w;`,
  };
}

/** dB[b] = scaling * sum over the row's tokens of dy_tᵀ u_t, a thread for four columns of a rank of a row, into result [B, P]. */
export function loraGradientB(width: number, stride: number): Kernel<'u' | 'dy' | 'sequences', 'rank' | 'offsetB' | 'parameters' | 'column4' | 'scaling'> {
  const width4 = width / 4;
  return {
    key: `lora gradient B ${width} of ${stride}`,
    inputs: { u: 'f32', dy: 'vec4f', sequences: 'i32' },
    output: 'f32',
    uniforms: { rank: 'i32', offsetB: 'i32', parameters: 'i32', column4: 'i32', scaling: 'f32' },
    body: `let rank = uniforms.rank;
  let column = index % ${width4};
  let r = (index / ${width4}) % rank;
  let row = index / (${width4} * rank);
  let block = uniforms.column4 + column;
  var sum = vec4f(0.0);
  for (var t = sequences[row]; t < sequences[row + 1]; t++) {
    sum = fma(vec4f(u[t * rank + r]), dy[t * ${stride / 4} + block], sum);
  }
  sum *= uniforms.scaling;
  let out = row * uniforms.parameters + uniforms.offsetB + column * 4 * rank + r;
  result[out] = sum.x;
  result[out + rank] = sum.y;
  result[out + 2 * rank] = sum.z;
  result[out + 3 * rank] = sum.w;`,
  };
}
