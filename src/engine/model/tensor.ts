/** A named array of a model file. Float16 and bfloat16 are widened to float32 when read. Row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int8Array;
}

export type Tensors = ReadonlyMap<string, Tensor>;

/** Where tensors are taken from by name, one at a time: a map, or a file that is read as they are asked for. */
export interface TensorSource {
  get(name: string): Tensor | undefined;
}
