import { workgroupThreads } from './kernel.ts';

/**
 * Who computes a row of numbers: one thread, or the threads of a workgroup together, which add up what each has found
 * by halving (`barriers`) or by subgroups where the device has them. Which is fastest is measured.
 */
export const rowWays = ['thread', 'barriers', 'subgroups'] as const;
export type RowWay = (typeof rowWays)[number];

/** WGSL of a kernel that goes through rows of `length` words; `sums` are the sums over a row that it takes, by name and type. */
export interface RowText {
  readonly isByWorkgroup: boolean;
  readonly declarations: string;
  /** The number of this row. */
  readonly row: string;
  /** A loop over the row with the word's place in it as `i`; by one thread all of them, else every 64th. */
  each(text: string): string;
  /** Sum over the row of what each thread has found, the same in all of them. Each name once in a kernel. */
  sum(name: string, value: string): string;
}

export function rowText(way: RowWay, length: number, sums: Readonly<Record<string, SumType>>): RowText {
  if (way === 'thread') {
    return { isByWorkgroup: false, declarations: '', row: 'index', each: (text) => `for (var i = 0; i < ${length}; i++) { ${text} }`, sum: (_name, value) => `(${value})` };
  }
  const declared = Object.entries(sums).map(([name, type]) => workgroupSum(name, type, way));
  return {
    isByWorkgroup: true,
    declarations: [...(way === 'subgroups' ? ['enable subgroups;'] : []), ...declared].join('\n'),
    row: 'group',
    each: (text) => `for (var i = lane; i < ${length}; i += ${workgroupThreads}) { ${text} }`,
    sum: (name, value) => `${name}(${value}, lane)`,
  };
}

/** Threads to launch for that many rows. */
export function rowThreads(way: RowWay, rows: number): number {
  return way === 'thread' ? rows : rows * workgroupThreads;
}

type SumType = 'f32' | 'vec2f';

/**
 * WGSL function: the sum of `value` over the workgroup. Called once, since its shared array starts at zero, and by all threads.
 * By subgroups: each leaves its sum where its first thread is, and every subgroup adds up the whole array. Their size and which threads share one
 * is never assumed, so it is right for any: ranks and counts come from the subgroup itself.
 */
function workgroupSum(name: string, type: SumType, way: Exclude<RowWay, 'thread'>): string {
  const shared = `var<workgroup> ${name}Parts : array<${type}, ${workgroupThreads}>;`;
  if (way === 'barriers') {
    return `${shared}
fn ${name}(value : ${type}, lane : i32) -> ${type} {
  ${name}Parts[lane] = value;
  for (var reach = ${workgroupThreads / 2}; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (lane < reach) { ${name}Parts[lane] += ${name}Parts[lane + reach]; }
  }
  workgroupBarrier();
  return ${name}Parts[0];
}`;
  }
  return `${shared}
fn ${name}(value : ${type}, lane : i32) -> ${type} {
  let part = subgroupAdd(value);
  if (subgroupElect()) { ${name}Parts[lane] = part; }
  workgroupBarrier();
  let rank = i32(subgroupExclusiveAdd(1u));
  let size = i32(subgroupAdd(1u));
  var total = ${type}(0.0);
  for (var i = rank; i < ${workgroupThreads}; i += size) { total += ${name}Parts[i]; }
  return subgroupAdd(total);
}`;
}
