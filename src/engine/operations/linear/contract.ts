/** The frozen linear maps of one encoder layer; `queryKeyValue` is the three joined, [3D, D]. */
export type LinearName = 'queryKeyValue' | 'attentionOutput' | 'intermediate' | 'output';

export interface LinearOperations<Buffer> {
  /** x · Wᵀ + b, plus `residual` where given: [T, N]. Shapes: x [T, K], residual [T, N]. */
  linear(layer: number, name: LinearName, x: Buffer, tokens: number, residual?: Buffer): Buffer;
  /**
   * Where a backend is faster so: whether `linear`, until told otherwise, may round each row of x to integers of up to 16 bits before it is multiplied.
   * A row still depends on itself alone.
   */
  roundInputs?(isOn: boolean): void;
  /** dY · W, plus `residual` where given: [T, K]. Shapes: dy [T, N], residual [T, K]. */
  linearBackward(layer: number, name: LinearName, dy: Buffer, tokens: number, residual?: Buffer): Buffer;
}
