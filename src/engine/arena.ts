import type { Operations, Sequences } from './operations/operations.ts';

/** Owns the device memory of one piece of work, so that none is left behind when the work ends, well or badly. */
export class Arena<Buffer> {
  private readonly buffers = new Set<Buffer>();
  private readonly made: Sequences[] = [];

  constructor(private readonly operations: Operations<Buffer>) {}

  own(buffer: Buffer): Buffer {
    this.buffers.add(buffer);
    return buffer;
  }

  sequences(offsets: Int32Array): Sequences {
    const sequences = this.operations.sequences(offsets);
    this.made.push(sequences);
    return sequences;
  }

  /** Releases what is no longer needed before the work ends. */
  free(...buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.buffers.delete(buffer);
    this.operations.release(...buffers);
  }

  close(): void {
    this.free(...this.buffers);
    for (const sequences of this.made.splice(0)) this.operations.releaseSequences(sequences);
  }
}
