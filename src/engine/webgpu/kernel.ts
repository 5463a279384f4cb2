/** How a kernel reads a buffer: one number or four at a time. */
export type ElementType = 'f32' | 'vec4f' | 'i32';

/**
 * One WGSL kernel: one thread for each `index` in [0, threads), with the early return already taken.
 * The text depends on `key` alone. Whatever changes with the batch (tokens, rows, offsets) is a uniform, so that a model
 * compiles each kernel once. `body` sees the inputs by name, `uniforms.<name>`, `index` (i32) and the output as `result`.
 */
export interface Kernel<Input extends string, Uniform extends string> {
  readonly key: string;
  readonly inputs: Readonly<Record<Input, ElementType>>;
  readonly output: 'f32' | 'vec4f';
  readonly uniforms: Readonly<Record<Uniform, 'i32' | 'f32'>>;
  /** WGSL functions and constants before main. */
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

/**
 * The text that tfjs completes with bindings. Every binding is mentioned: under `layout: 'auto'` one that no statement
 * uses is left out of the layout, and the launch then fails without an exception and leaves old data behind.
 */
export function kernelText(kernel: Kernel<string, string>): string {
  const mentions = Object.keys(kernel.inputs).map((name) => `_ = &${name};`).join(' ');
  return `${kernel.declarations ?? ''}
fn main(index : i32) {
  _ = uniforms.NAN; ${mentions}
  if (index >= uniforms.threads) { return; }
  ${kernel.body}
}`;
}
