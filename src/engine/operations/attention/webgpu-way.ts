import { workgroupThreads } from '../../webgpu/kernel.ts';

/**
 * Who computes one token and head: a thread, or the four of a quad with every fourth key each, where the device has subgroups.
 * A quad is four threads whatever the size of a subgroup. Which is fastest is measured.
 */
export const attentionWays = ['thread', 'quad'] as const;
export type AttentionWay = (typeof attentionWays)[number];

/** Threads to launch for that many tokens and heads. */
export function attentionThreads(way: AttentionWay, items: number): number {
  return way === 'thread' ? items : Math.ceil((4 * items) / workgroupThreads) * workgroupThreads;
}

/** WGSL of one way: who has which keys, and how what they found is put together. */
export interface WayText {
  readonly isByWorkgroup: boolean;
  readonly declarations: string;
  /** Says which token and head, as `item`. */
  readonly item: string;
  /** A loop over this thread's tokens `t` of the row. */
  each(text: string): string;
  /** Makes `maximum`, `total` and these sums of vec4f, which are of a running softmax over this thread's keys, those of all keys. */
  joinSoftmax(sums: readonly string[]): string;
  /** The same of plain sums. */
  join(sums: readonly string[]): string;
  /** Statements that write word `i` of the head. */
  write(i: number, text: string): string;
}

const byThread: WayText = {
  isByWorkgroup: false,
  declarations: '',
  item: 'let item = index;',
  each: (text) => `for (var t = first; t < end; t++) { ${text} }`,
  joinSoftmax: () => '',
  join: () => '',
  write: (_i, text) => text,
};

function byQuad(heads: number): WayText {
  const join = (sums: readonly string[], weight = '') => sums.map((name) => `${name} = sumOfQuad(${name}${weight});`).join('\n');
  return {
    isByWorkgroup: true,
    declarations: `enable subgroups;
fn sumOfQuad(value : vec4f) -> vec4f {
  let pair = value + quadSwapX(value);
  return pair + quadSwapY(pair);
}`,
    // Threads past the last item do its work again, and write nothing.
    item: `let last = uniforms.tokens * ${heads} - 1;
  let item = min(index / 4, last);
  let isInside = index / 4 <= last;
  let part = index % 4;`,
    each: (text) => `for (var t = first + part; t < end; t += 4) { ${text} }`,
    joinSoftmax: (sums) => `let pairMaximum = max(maximum, quadSwapX(maximum));
  let largest = max(pairMaximum, quadSwapY(pairMaximum));
  let weight = exp(maximum - largest);
  maximum = largest;
  total = sumOfQuad(vec4f(total * weight)).x;
  ${join(sums, ' * weight')}`,
    join,
    write: (i, text) => `if (isInside && part == ${i % 4}) { ${text} }`,
  };
}

export function attentionWayText(way: AttentionWay, heads: number): WayText {
  return way === 'thread' ? byThread : byQuad(heads);
}

/** Names of numbered sums. */
export function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}${i}`);
}
