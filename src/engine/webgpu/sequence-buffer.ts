import { invariant } from '../../ground/check.ts';
import type { Sequences } from '../operations/buffers/contract.ts';
import type { DeviceBuffer } from './device.ts';

/** Row boundaries as the kernels read them: int32 [B + 1 + T], the offsets, then the row of each token. */
export class SequenceBuffer {
  readonly rows: number;
  readonly tokens: number;
  /** Pairs of tokens of one row, all rows together: what attention costs. */
  readonly tokenPairs: number;

  constructor(readonly buffer: DeviceBuffer, offsets: Int32Array) {
    this.rows = offsets.length - 1;
    this.tokens = offsets[this.rows]!;
    let pairs = 0;
    for (let b = 0; b < this.rows; b++) pairs += (offsets[b + 1]! - offsets[b]!) ** 2;
    this.tokenPairs = pairs;
  }
}

export function sequenceNumbers(offsets: Int32Array): Int32Array {
  const rows = offsets.length - 1;
  const tokens = offsets[rows]!;
  const numbers = new Int32Array(rows + 1 + tokens);
  numbers.set(offsets);
  for (let b = 0; b < rows; b++) numbers.fill(b, rows + 1 + offsets[b]!, rows + 1 + offsets[b + 1]!);
  return numbers;
}

/** WGSL: the row that a token belongs to. */
export function rowOfToken(token: string): string {
  return `sequences[uniforms.rows + 1 + ${token}]`;
}

export function sequenceBufferOf({ handle }: Sequences): SequenceBuffer {
  invariant(handle instanceof SequenceBuffer, 'the sequences come from the WebGPU operations');
  return handle;
}
