import type { Kernel, Stored } from '../../webgpu/kernel.ts';

/**
 * LoRA (Hu et al., arXiv 2106.09685) beside a map from K to N columns: pairs with A [R, K] and B [N, R] in theta, all of one map in one launch.
 * Pair p has A at offsetA + p * offsetStep, B at offsetB + p * offsetStep, and N columns that begin at four times column4 + p * columnStep4 in rows
 * of `stride`. Rank, offsets and columns are uniforms: adapters of maps of one shape share these kernels. theta is read number by number, since
 * B's rows and the rows of the gradients [B, P] start where four does not divide. u and v are [pairs, T, R].
 */

/** u = x Aᵀ, a thread for each pair, token and rank: result [pairs, T, R]. Shapes: x [T, K]. */
export function loraDown(width: number): Kernel<'x' | 'theta', 'tokens' | 'rank' | 'offsetA' | 'offsetStep'> {
  return {
    key: `lora down ${width}`,
    inputs: { x: 'vec4f', theta: 'f32' },
    output: 'f32',
    uniforms: { tokens: 'i32', rank: 'i32', offsetA: 'i32', offsetStep: 'i32' },
    body: `let pairAndToken = index / uniforms.rank;
  let pair = pairAndToken / uniforms.tokens;
  let token = pairAndToken % uniforms.tokens;
  var a = uniforms.offsetA + pair * uniforms.offsetStep + (index % uniforms.rank) * ${width};
  var sum = vec4f(0.0);
  for (var i = 0; i < ${width / 4}; i++) {
    sum = fma(x[token * ${width / 4} + i], vec4f(theta[a], theta[a + 1], theta[a + 2], theta[a + 3]), sum);
    a += 4;
  }
  result[index] = sum.x + sum.y + sum.z + sum.w;`,
  };
}

/** y += scaling * u Bᵀ, a thread for four columns of a token and pair, in place: result [T, stride]. Shapes: u [pairs, T, R]. */
export function loraUp(width: number, stride: number): Kernel<'u' | 'theta', 'tokens' | 'rank' | 'offsetB' | 'offsetStep' | 'column4' | 'columnStep4' | 'scaling'> {
  const width4 = width / 4;
  return {
    key: `lora up ${width} of ${stride}`,
    inputs: { u: 'f32', theta: 'f32' },
    output: 'vec4f',
    uniforms: { tokens: 'i32', rank: 'i32', offsetB: 'i32', offsetStep: 'i32', column4: 'i32', columnStep4: 'i32', scaling: 'f32' },
    body: `let pairAndToken = index / ${width4};
  let pair = pairAndToken / uniforms.tokens;
  let token = pairAndToken % uniforms.tokens;
  let column = index % ${width4};
  let rank = uniforms.rank;
  var b = uniforms.offsetB + pair * uniforms.offsetStep + column * 4 * rank;
  var sum = vec4f(0.0);
  for (var r = 0; r < rank; r++) {
    sum = fma(vec4f(u[pairAndToken * rank + r]), vec4f(theta[b], theta[b + rank], theta[b + 2 * rank], theta[b + 3 * rank]), sum);
    b += 1;
  }
  let out = token * ${stride / 4} + uniforms.column4 + pair * uniforms.columnStep4 + column;
  result[out] = fma(sum, vec4f(uniforms.scaling), result[out]);`,
  };
}

/** v = scaling * dY B, a thread for each pair, token and rank: result [pairs, T, R]. Shapes: dy [T, stride]. */
export function loraUpBackward(width: number, stride: number): Kernel<'dy' | 'theta', 'tokens' | 'rank' | 'offsetB' | 'offsetStep' | 'column4' | 'columnStep4' | 'scaling'> {
  const width4 = width / 4;
  return {
    key: `lora up backward ${width} of ${stride}`,
    inputs: { dy: 'vec4f', theta: 'f32' },
    output: 'f32',
    uniforms: { tokens: 'i32', rank: 'i32', offsetB: 'i32', offsetStep: 'i32', column4: 'i32', columnStep4: 'i32', scaling: 'f32' },
    body: `let rank = uniforms.rank;
  let pairAndToken = index / rank;
  let pair = pairAndToken / uniforms.tokens;
  let token = pairAndToken % uniforms.tokens;
  let first = token * ${stride / 4} + uniforms.column4 + pair * uniforms.columnStep4;
  var b = uniforms.offsetB + pair * uniforms.offsetStep + index % rank;
  var sum = vec4f(0.0);
  for (var i = 0; i < ${width4}; i++) {
    sum = fma(dy[first + i], vec4f(theta[b], theta[b + rank], theta[b + 2 * rank], theta[b + 3 * rank]), sum);
    b += 4 * rank;
  }
  result[index] = (sum.x + sum.y + sum.z + sum.w) * uniforms.scaling;`,
  };
}

/** dx += v A of every pair, a thread for four columns of a token, in place: result [T, K]. Shapes: v [pairs, T, R]. */
export function loraDownBackward(width: number): Kernel<'v' | 'theta', 'pairs' | 'tokens' | 'rank' | 'offsetA' | 'offsetStep'> {
  const width4 = width / 4;
  return {
    key: `lora down backward ${width}`,
    inputs: { v: 'f32', theta: 'f32' },
    output: 'vec4f',
    uniforms: { pairs: 'i32', tokens: 'i32', rank: 'i32', offsetA: 'i32', offsetStep: 'i32' },
    body: `let token = index / ${width4};
  var sum = vec4f(0.0);
  for (var pair = 0; pair < uniforms.pairs; pair++) {
    var a = uniforms.offsetA + pair * uniforms.offsetStep + (index % ${width4}) * 4;
    let first = (pair * uniforms.tokens + token) * uniforms.rank;
    for (var r = 0; r < uniforms.rank; r++) {
      sum = fma(vec4f(v[first + r]), vec4f(theta[a], theta[a + 1], theta[a + 2], theta[a + 3]), sum);
      a += ${width};
    }
  }
  result[index] += sum;`,
  };
}

/**
 * dA[b] = sum over the row's tokens of v_tᵀ x_t, and dB[b] = scaling * sum of dy_tᵀ u_t, into result [B, P]:
 * a thread for four columns of A or of B, a rank, a row and a pair.
 */
export function loraGradients(inputWidth: number, width: number, stride: number, stored: Stored = 'vec4f'): Kernel<'v' | 'x' | 'u' | 'dy' | 'sequences', 'tokens' | 'rows' | 'rank' | 'offsetA' | 'offsetB' | 'offsetStep' | 'parameters' | 'column4' | 'columnStep4' | 'scaling'> {
  const [in4, out4] = [inputWidth / 4, width / 4];
  return {
    key: `lora gradients ${inputWidth} ${width} of ${stride}, ${stored}`,
    inputs: { v: 'f32', x: stored, u: 'f32', dy: 'vec4f', sequences: 'i32' },
    output: 'f32',
    uniforms: { tokens: 'i32', rows: 'i32', rank: 'i32', offsetA: 'i32', offsetB: 'i32', offsetStep: 'i32', parameters: 'i32', column4: 'i32', columnStep4: 'i32', scaling: 'f32' },
    body: `let rank = uniforms.rank;
  let block = index % ${in4 + out4};
  let r = (index / ${in4 + out4}) % rank;
  let rowAndPair = index / (${in4 + out4} * rank);
  let row = rowAndPair % uniforms.rows;
  let pair = rowAndPair / uniforms.rows;
  let first = pair * uniforms.tokens;
  var sum = vec4f(0.0);
  let start = row * uniforms.parameters + pair * uniforms.offsetStep;
  if (block < ${in4}) {
    for (var t = sequences[row]; t < sequences[row + 1]; t++) { sum = fma(vec4f(v[(first + t) * rank + r]), xAt(t * ${in4} + block), sum); }
    let out = start + uniforms.offsetA + r * ${inputWidth} + block * 4;
    result[out] = sum.x;
    result[out + 1] = sum.y;
    result[out + 2] = sum.z;
    result[out + 3] = sum.w;
    return;
  }
  let column = block - ${in4};
  let at = uniforms.column4 + pair * uniforms.columnStep4 + column;
  for (var t = sequences[row]; t < sequences[row + 1]; t++) { sum = fma(vec4f(u[(first + t) * rank + r]), dy[t * ${stride / 4} + at], sum); }
  sum *= uniforms.scaling;
  let out = start + uniforms.offsetB + column * 4 * rank + r;
  result[out] = sum.x;
  result[out + rank] = sum.y;
  result[out + 2 * rank] = sum.z;
  result[out + 3 * rank] = sum.w;`,
  };
}
