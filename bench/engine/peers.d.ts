// What the benches use of the packages that are installed into bench/node_modules, so that types are checked without them.
declare module '@tensorflow/tfjs-backend-wasm' {
  export function setWasmPaths(paths: Readonly<Record<string, string>>): void;
}

declare module '@jax-js/jax' {
  /** Passing an array to a function gives it away; `ref` keeps it. */
  export interface Array {
    readonly shape: number[];
    readonly ref: Array;
    add(other: ArrayLike): Array;
    sub(other: ArrayLike): Array;
    mul(other: ArrayLike): Array;
    div(other: ArrayLike): Array;
    sum(axis?: number | null, options?: { readonly keepdims?: boolean }): Array;
    mean(axis?: number | null, options?: { readonly keepdims?: boolean }): Array;
    reshape(shape: readonly number[]): Array;
    transpose(permutation?: readonly number[]): Array;
    dispose(): void;
    data(): Promise<Float32Array>;
  }
  export type ArrayLike = Array | number;
  export const numpy: {
    array(values: Float32Array, options?: { readonly shape?: readonly number[] }): Array;
    matmul(x: ArrayLike, y: ArrayLike): Array;
    concatenate(parts: readonly Array[], axis?: number): Array;
    minimum(x: ArrayLike, y: ArrayLike): Array;
    sqrt(x: ArrayLike): Array;
    reciprocal(x: ArrayLike): Array;
    square(x: ArrayLike): Array;
  };
  export const nn: {
    gelu(x: ArrayLike, options?: { readonly approximate?: boolean }): Array;
    softmax(x: ArrayLike, axis?: number): Array;
    logSoftmax(x: ArrayLike, axis?: number): Array;
  };
  type Loss = (parameters: Array[], x: Array, label: Array) => Array;
  type Gradient = (parameters: Array[], x: Array, label: Array) => Array[];
  export function grad(loss: Loss): Gradient;
  export function vmap(gradient: Gradient, inAxes: readonly (number | null)[]): Gradient;
  export function jit<F extends (...values: never[]) => Array>(compute: F): F;
  export function init(...devices: ('wasm' | 'webgpu')[]): Promise<('wasm' | 'webgpu')[]>;
  export function defaultDevice(device: 'wasm' | 'webgpu'): void;
  export function blockUntilReady<T>(value: T): Promise<T>;
}
