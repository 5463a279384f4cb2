import { invariant } from '../../ground/check.ts';
import type { StepArena, StepLayout } from '../operations/buffers/planned-steps.ts';
import { placeInRange, type StepRecorder, type StepTrace } from '../step-trace.ts';
import { blockBytes, type MemoryBlocks } from './linear-memory.ts';

/** Where the operations get their memory. */
export interface WasmBuffers {
  /** Address of a new buffer, not cleared. */
  create(bytes: number): number;
  release(buffer: number): void;
  /** Room for a kernel's panels, kept between calls; overwritten by the next kernel. */
  scratch(bytes: number): number;
  /** Buffers handed out and not yet released. */
  readonly liveBuffers: number;
  /** Releases every buffer, the scratch and the arena. */
  releaseAll(): void;
}

/** Notes the buffers of a step; their addresses mean nothing. */
export class RecordedBuffers implements WasmBuffers {
  readonly liveBuffers = 0;
  constructor(private readonly recorder: StepRecorder) {}

  create(bytes: number): number {
    return this.recorder.make(blockBytes(bytes));
  }

  release(buffer: number): void {
    this.recorder.drop(buffer);
  }

  scratch(bytes: number): number {
    this.recorder.needScratch(blockBytes(bytes));
    return 0;
  }

  releaseAll(): void {}
}

interface RunningStep {
  readonly start: number;
  readonly offsets: readonly number[];
  readonly trace: StepTrace;
  /** Where the scratch begins. */
  readonly scratch: number;
  /** Ends of the arena's living buffers by their starts. */
  readonly ends: Map<number, number>;
  next: number;
  isSealed: boolean;
}

/** Buffers in linear memory: inside a step where its layout has them, and one by one elsewhere. */
export class PlacedBuffers implements WasmBuffers {
  unplannedBuffers = 0;
  readonly #single = new Set<number>();
  #scratch = { pointer: 0, bytes: 0 };
  #step: RunningStep | null = null;
  #arena: StepArena | null = null;

  constructor(private readonly memory: MemoryBlocks) {}

  get liveBuffers(): number {
    return this.#single.size + (this.#step?.ends.size ?? 0);
  }

  create(bytes: number): number {
    const planned = this.#step && !this.#step.isSealed ? place(this.#step, blockBytes(bytes)) : null;
    if (planned !== null) return planned;
    if (this.#step && !this.#step.isSealed) this.unplannedBuffers++;
    const pointer = this.memory.allocate(bytes);
    this.#single.add(pointer);
    return pointer;
  }

  release(buffer: number): void {
    if (this.#step?.ends.delete(buffer)) return;
    invariant(this.#single.delete(buffer), 'a buffer is released once');
    this.memory.release(buffer);
  }

  scratch(bytes: number): number {
    if (this.#step && blockBytes(bytes) <= this.#step.trace.scratchSize) return this.#step.scratch;
    if (bytes > this.#scratch.bytes) {
      if (this.#scratch.bytes > 0) this.memory.release(this.#scratch.pointer);
      this.#scratch = { pointer: 0, bytes: 0 };
      this.#scratch = { pointer: this.memory.allocate(bytes), bytes };
    }
    return this.#scratch.pointer;
  }

  releaseAll(): void {
    this.#step = null;
    for (const pointer of this.#single) this.memory.release(pointer);
    this.#single.clear();
    if (this.#scratch.bytes > 0) this.memory.release(this.#scratch.pointer);
    this.#scratch = { pointer: 0, bytes: 0 };
    this.#arena?.release();
  }

  /** Takes memory for the layout of `placed` steps; the scratch of all lies behind their buffers. */
  take({ placed, rangeBytes, sizeBytes }: WasmLayout): StepArena {
    const start = this.memory.allocate(sizeBytes);
    const arena: StepArena = {
      begin: (step) => {
        invariant(this.#step === null, 'one step runs at a time');
        const { trace, offsets } = placed[step]!;
        this.#step = { start, offsets, trace, scratch: start + rangeBytes, ends: new Map(), next: 0, isSealed: false };
      },
      seal: () => {
        if (this.#step) this.#step.isSealed = true;
      },
      end: () => {
        this.#step = null;
      },
      release: () => {
        this.memory.release(start);
        this.#arena = null;
      },
    };
    this.#arena = arena;
    return arena;
  }
}

/**
 * The planned place of the next buffer, or null where the step makes another one than was traced: what it holds is then
 * still right, only not where it was planned.
 */
function place(step: RunningStep, bytes: number): number | null {
  const offset = step.offsets[step.next];
  const planned = step.trace.buffers[step.next];
  step.next++;
  if (offset === undefined || planned === undefined || bytes > planned.size) return null;
  const pointer = step.start + offset;
  for (const [start, end] of step.ends) if (start < pointer + bytes && pointer < end) return null;
  step.ends.set(pointer, pointer + bytes);
  return pointer;
}

export interface WasmLayout {
  readonly placed: readonly { readonly trace: StepTrace; readonly offsets: readonly number[] }[];
  readonly rangeBytes: number;
  readonly sizeBytes: number;
}

export function layoutInMemory(traces: readonly StepTrace[]): WasmLayout {
  const placed = traces.map((trace) => ({ trace, ...placeInRange(trace) }));
  const rangeBytes = placed.reduce((most, { size }) => Math.max(most, size), 0);
  return { placed, rangeBytes, sizeBytes: rangeBytes + traces.reduce((most, { scratchSize }) => Math.max(most, scratchSize), 0) };
}

/** The layout as the engine sees it, over the buffers that will hold it. */
export function stepLayout(traces: readonly StepTrace[], buffers: PlacedBuffers): StepLayout {
  const layout = layoutInMemory(traces);
  return { sizeBytes: layout.sizeBytes, largestBytes: layout.sizeBytes, take: () => buffers.take(layout) };
}
