/** How a kernel reads a buffer: one number or four at a time; `vec4h` is four numbers of binary16 in two words. */
export type ElementType = 'f32' | 'vec4f' | 'i32' | 'vec4h';

/** Four numbers at a time, as they are or in half the bytes: what a kernel reads by `<name>At(i)` may be either. */
export type Stored = Extract<ElementType, 'vec4f' | 'vec4h'>;

/**
 * One WGSL kernel: one thread for each `index` in [0, threads), with the early return already taken.
 * The text depends on `key` alone. Whatever changes with the batch (tokens, rows, offsets) is a uniform, so that a model
 * compiles each kernel once. `body` sees the inputs by name, `uniforms.<name>`, `index` (i32) and the output as `result`; inputs of
 * four numbers also as `<name>At(i)`, a vec4f however they are stored.
 * `isByWorkgroup`: threads of a workgroup work together, none has returned, and `body` sees `group` and `lane` (i32) besides;
 * `threads` is then a whole number of workgroups. Only such a body may hold a barrier.
 */
export interface Kernel<Input extends string, Uniform extends string> {
  readonly key: string;
  readonly inputs: Readonly<Record<Input, ElementType>>;
  readonly output: Exclude<ElementType, 'vec4h'> | 'vec2i';
  readonly uniforms: Readonly<Record<Uniform, 'i32' | 'f32'>>;
  readonly isByWorkgroup?: boolean;
  /** WGSL functions, constants and shared arrays before main. */
  readonly declarations?: string;
  readonly body: string;
}

/** Threads of a workgroup. */
export const workgroupThreads = 64;

/** `text(0) … text(count - 1)`, a line each: registers are unrolled, since arrays in registers are slow on some devices. */
export function unroll(count: number, text: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => text(i)).join('\n');
}

/** The same, as terms of a sum. */
export function sumOf(count: number, term: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => term(i)).join(' + ');
}

/** Where the halves of an input begin in their buffer, in fours: a uniform of the kernel. */
export function halvesFrom(input: string): string {
  return `${input}From`;
}

/** WGSL: `<name>At(i)`, word i of four numbers. Unpacking is core WGSL: no feature is asked for, and sums stay in float32. */
function reader(name: string, element: ElementType): string {
  if (element !== 'vec4h') return `fn ${name}At(i : i32) -> vec4f { return ${name}[i]; }`;
  return `fn ${name}At(i : i32) -> vec4f {
  let words = bitcast<vec2u>(${name}[uniforms.${halvesFrom(name)} + i]);
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}`;
}

/**
 * The text that tfjs completes with bindings. Every binding is mentioned: under `layout: 'auto'` one that no statement
 * uses is left out of the layout, and the launch then fails without an exception and leaves old data behind.
 */
export function kernelText(kernel: Kernel<string, string>): string {
  const mentions = Object.keys(kernel.inputs).map((name) => `_ = &${name};`).join(' ');
  // A launch may begin at a later thread: long ones are cut into ranges.
  const threads = kernel.isByWorkgroup ? `_ = uniforms.threads; let group = index / ${workgroupThreads}; let lane = i32(localIndex);` : 'if (index >= uniforms.threads) { return; }';
  const readers = Object.entries(kernel.inputs).flatMap(([name, element]) => (kernel.body.includes(`${name}At(`) ? [reader(name, element)] : []));
  return `${[kernel.declarations ?? '', ...readers].join('\n')}
fn main(threadOfRange : i32) {
  let index = uniforms.firstThread + threadOfRange;
  _ = uniforms.NAN; ${mentions}
  ${threads}
  ${kernel.body}
}`;
}
