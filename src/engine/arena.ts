import type { Sequences } from './operations/buffers/contract.ts';
import type { Operations } from './operations/operations.ts';
import type { OpenStep } from './step-planner.ts';

/** Owns the device memory of one piece of work, so that none is left behind when the work ends, well or badly. */
export class Arena<Buffer> {
  private readonly buffers = new Set<Buffer>();
  private readonly made: Sequences[] = [];

  /** `step` is where the work's memory was planned. */
  constructor(
    private readonly operations: Operations<Buffer>,
    private readonly step: OpenStep,
  ) {}

  /** The work has made its own buffers; what is made now may outlive it. */
  seal(): void {
    this.step.seal();
  }

  /** What is read from now on may still be on its way to the host while the next work runs. */
  leaveReading(): void {
    this.step.leaveReading();
  }

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
    this.step.end();
  }
}
