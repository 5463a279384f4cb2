import type { BertWeights } from '../../model/weights.ts';
import type { PlannedSteps } from './planned-steps.ts';

/** Row boundaries on the device. */
export interface Sequences {
  /** [B + 1], on the host. */
  readonly offsets: Int32Array;
  /** Device copy of the offsets, where the backend wants one. */
  readonly handle: unknown;
}

/** What holds values on the device. Each backend has its own way; none has a kernel but to fill. */
export interface BufferOperations<Buffer> {
  /** Puts the frozen weights on the device. Called once, first. */
  load(weights: BertWeights): void;

  upload(values: Float32Array): Buffer;
  /** Puts other values into a buffer that has room for them. */
  write(buffer: Buffer, values: Float32Array): void;
  /** Copies a buffer of `length` floats to the host. */
  download(buffer: Buffer, length: number): Promise<Float32Array>;
  release(...buffers: readonly Buffer[]): void;
  sequences(offsets: Int32Array): Sequences;
  releaseSequences(sequences: Sequences): void;

  /** A zeroed buffer of `length` floats. */
  zeros(length: number): Buffer;

  /** Memory laid out before a step; null where buffers are made one by one. For steps of the encoder that was loaded. */
  readonly steps: PlannedSteps | null;
}
