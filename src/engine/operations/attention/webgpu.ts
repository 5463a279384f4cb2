import { sumOf, unroll, type Kernel, type Stored } from '../../webgpu/kernel.ts';
import { rowOfToken } from '../../webgpu/sequence-buffer.ts';
import { attentionWayText, numbered, type AttentionWay, type WayText } from './webgpu-way.ts';

/**
 * Attention of each row on its own tokens, in one pass over the keys (the running softmax of Milakov & Gimelshein, arXiv 1805.02867),
 * so that nothing of size T x T exists. Threads of a workgroup share the head and, mostly, the row: they read the same keys at the same time.
 */
export interface AttentionShape {
  readonly width: number;
  readonly heads: number;
}

interface Sizes {
  /** Words of four of a head, of D, and of the three joined. */
  readonly head4: number;
  readonly width4: number;
  readonly joined4: number;
  readonly scale: number;
}

function sizesOf({ width, heads }: AttentionShape): Sizes {
  return { head4: width / heads / 4, width4: width / 4, joined4: (3 * width) / 4, scale: 1 / Math.sqrt(width / heads) };
}

/** WGSL: the token and head computed here, their row's bounds and the first word of their query. */
function place({ head4, joined4 }: Sizes, { item }: WayText): string {
  return `${item}
  let token = item % uniforms.tokens;
  let head = (item / uniforms.tokens) * ${head4};
  let row = ${rowOfToken('token')};
  let first = sequences[row];
  let end = sequences[row + 1];
  let query = token * ${joined4} + head;`;
}

/** softmax(Q Kᵀ / sqrt(D / H)) V: result [T, D]. Shapes: qkv [T, 3D]. */
export function attention(shape: AttentionShape, way: AttentionWay = 'thread'): Kernel<'qkv' | 'sequences', 'tokens' | 'rows'> {
  const sizes = sizesOf(shape);
  const { head4, width4, joined4, scale } = sizes;
  const text = attentionWayText(way, shape.heads);
  return {
    key: `attention ${shape.width} ${shape.heads} by ${way}`,
    inputs: { qkv: 'vec4f', sequences: 'i32' },
    output: 'vec4f',
    uniforms: { tokens: 'i32', rows: 'i32' },
    isByWorkgroup: text.isByWorkgroup,
    declarations: text.declarations,
    body: `${place(sizes, text)}
  ${unroll(head4, (i) => `let q${i} = qkv[query + ${i}] * ${scale}; var sum${i} = vec4f(0.0);`)}
  var maximum = -1e30;
  var total = 0.0;
  ${text.each(`let key = t * ${joined4} + ${width4} + head;
    let score = ${sumOf(head4, (i) => `dot(q${i}, qkv[key + ${i}])`)};
    let next = max(maximum, score);
    let kept = exp(maximum - next);
    let p = exp(score - next);
    maximum = next;
    total = fma(total, kept, p);
    ${unroll(head4, (i) => `sum${i} = fma(vec4f(p), qkv[key + ${width4 + i}], sum${i} * kept);`)}`)}
  ${text.joinSoftmax(numbered('sum', head4))}
  let out = token * ${width4} + head;
  ${unroll(head4, (i) => text.write(i, `result[out + ${i}] = sum${i} / total;`))}`,
  };
}

/**
 * What the backward kernels need of each token and head: log-sum-exp of the scores, and dContext · context.
 * The scores are computed again, so that the forward pass keeps nothing but its output. Result [H, T, 2].
 */
export function attentionStatistics(shape: AttentionShape, way: AttentionWay = 'thread', stored: Stored = 'vec4f'): Kernel<'qkv' | 'context' | 'dContext' | 'sequences', 'tokens' | 'rows'> {
  const sizes = sizesOf(shape);
  const { head4, width4, joined4, scale } = sizes;
  const text = attentionWayText(way, shape.heads);
  return {
    key: `attention statistics ${shape.width} ${shape.heads} by ${way} of ${stored}`,
    inputs: { qkv: stored, context: stored, dContext: 'vec4f', sequences: 'i32' },
    output: 'f32',
    uniforms: { tokens: 'i32', rows: 'i32' },
    isByWorkgroup: text.isByWorkgroup,
    declarations: text.declarations,
    body: `${place(sizes, text)}
  ${unroll(head4, (i) => `let q${i} = qkvAt(query + ${i}) * ${scale};`)}
  var maximum = -1e30;
  var total = 0.0;
  ${text.each(`let key = t * ${joined4} + ${width4} + head;
    let score = ${sumOf(head4, (i) => `dot(q${i}, qkvAt(key + ${i}))`)};
    let next = max(maximum, score);
    total = fma(total, exp(maximum - next), exp(score - next));
    maximum = next;`)}
  ${text.joinSoftmax([])}
  let out = token * ${width4} + head;
  ${text.write(0, `result[2 * item] = maximum + log(total);
  result[2 * item + 1] = ${sumOf(head4, (i) => `dot(contextAt(out + ${i}), dContext[out + ${i}])`)};`)}`,
  };
}

type BackwardInput = 'qkv' | 'dContext' | 'statistics' | 'sequences';

/** dQ_i = sum_j dS_ij K_j / sqrt(d) with dS_ij = P_ij (dO_i · V_j - dO_i · O_i), into the query block of result [T, 3D]. */
export function attentionBackwardQuery(shape: AttentionShape, way: AttentionWay = 'thread', stored: Stored = 'vec4f'): Kernel<BackwardInput, 'tokens' | 'rows'> {
  const sizes = sizesOf(shape);
  const { head4, width4, joined4, scale } = sizes;
  const text = attentionWayText(way, shape.heads);
  return {
    key: `attention backward query ${shape.width} ${shape.heads} by ${way} of ${stored}`,
    inputs: { qkv: stored, dContext: 'vec4f', statistics: 'f32', sequences: 'i32' },
    output: 'vec4f',
    uniforms: { tokens: 'i32', rows: 'i32' },
    isByWorkgroup: text.isByWorkgroup,
    declarations: text.declarations,
    body: `${place(sizes, text)}
  let out = token * ${width4} + head;
  ${unroll(head4, (i) => `let q${i} = qkvAt(query + ${i}) * ${scale}; let d${i} = dContext[out + ${i}]; var sum${i} = vec4f(0.0);`)}
  let logSum = statistics[2 * item];
  let delta = statistics[2 * item + 1];
  ${text.each(`let key = t * ${joined4} + ${width4} + head;
    ${unroll(head4, (i) => `let k${i} = qkvAt(key + ${i});`)}
    let p = exp(${sumOf(head4, (i) => `dot(q${i}, k${i})`)} - logSum);
    let dScore = p * (${sumOf(head4, (i) => `dot(d${i}, qkvAt(key + ${width4 + i}))`)} - delta) * ${scale};
    ${unroll(head4, (i) => `sum${i} = fma(vec4f(dScore), k${i}, sum${i});`)}`)}
  ${text.join(numbered('sum', head4))}
  ${unroll(head4, (i) => text.write(i, `result[query + ${i}] = sum${i};`))}`,
  };
}

/** dK_j = sum_i dS_ij Q_i / sqrt(d) and dV_j = sum_i P_ij dO_i, into the key and value blocks of result [T, 3D]. */
export function attentionBackwardKeyValue(shape: AttentionShape, way: AttentionWay = 'thread', stored: Stored = 'vec4f'): Kernel<BackwardInput, 'tokens' | 'rows'> {
  const sizes = sizesOf(shape);
  const { head4, width4, joined4, scale } = sizes;
  const text = attentionWayText(way, shape.heads);
  return {
    key: `attention backward key value ${shape.width} ${shape.heads} by ${way} of ${stored}`,
    inputs: { qkv: stored, dContext: 'vec4f', statistics: 'f32', sequences: 'i32' },
    output: 'vec4f',
    uniforms: { tokens: 'i32', rows: 'i32' },
    isByWorkgroup: text.isByWorkgroup,
    declarations: text.declarations,
    body: `${place(sizes, text)}
  let key = query + ${width4};
  ${unroll(head4, (i) => `let k${i} = qkvAt(key + ${i}); let v${i} = qkvAt(key + ${width4 + i}); var dK${i} = vec4f(0.0); var dV${i} = vec4f(0.0);`)}
  let headStart = item - token;
  ${text.each(`let other = t * ${joined4} + head;
    let out = t * ${width4} + head;
    ${unroll(head4, (i) => `let q${i} = qkvAt(other + ${i}) * ${scale}; let d${i} = dContext[out + ${i}];`)}
    let p = exp(${sumOf(head4, (i) => `dot(q${i}, k${i})`)} - statistics[2 * (headStart + t)]);
    let dScore = p * (${sumOf(head4, (i) => `dot(d${i}, v${i})`)} - statistics[2 * (headStart + t) + 1]);
    ${unroll(head4, (i) => `dK${i} = fma(vec4f(dScore), q${i}, dK${i}); dV${i} = fma(vec4f(p), d${i}, dV${i});`)}`)}
  ${text.join([...numbered('dK', head4), ...numbered('dV', head4)])}
  ${unroll(head4, (i) => text.write(i, `result[key + ${i}] = dK${i}; result[key + ${width4 + i}] = dV${i};`))}`,
  };
}
