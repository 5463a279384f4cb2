export interface GeluOperations<Buffer> {
  /** x Phi(x), exact (erf) form: [length]. */
  gelu(x: Buffer, length: number): Buffer;
  /** dy * gelu'(x): [length]. */
  geluBackward(dy: Buffer, x: Buffer, length: number): Buffer;
}
