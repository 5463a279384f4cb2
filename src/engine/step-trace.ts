/** One buffer of a step: how large, and for how long. Times count the makings and droppings of the step, from 0. */
export interface StepBuffer {
  /** In the units of the backend: bytes of linear memory, numbers of a device buffer. */
  readonly size: number;
  /** Buffers of different kinds never share a place. */
  readonly kind: string;
  readonly madeAt: number;
  /** The first time at which its place may be another's. */
  readonly droppedAt: number;
  /** How the host reads it: not at all, before the step ends, or with the copy of an earlier step's still in its hands. */
  readonly reading: 'none' | 'awaited' | 'left';
}

/** Every buffer of a step, in the order in which they are made: the same for every batch of a bucket. */
export interface StepTrace {
  readonly buffers: readonly StepBuffer[];
  /** Room for the kernels' own use, kept through the step; in the units of the backend. */
  readonly scratchSize: number;
  /** Sizes of buffers made before the step and not dropped, or in it after it was sealed, and of copies of such that the host reads: parameters, sums. */
  readonly heldSizes: readonly number[];
}

/**
 * Notes what a step makes and drops while it runs without computing. Buffers go by the numbers that `make` returns.
 * What is made outside `begin` and `seal` is not of the step, and is held beside it.
 */
export class StepRecorder {
  readonly #buffers: { size: number; kind: string; madeAt: number; droppedAt: number; reading: StepBuffer['reading'] }[] = [];
  /** By number; those of the step are 0 and up, others -1 and down. */
  readonly #held = new Map<number, number>();
  #heldCount = 0;
  #heldAtEnd: readonly number[] = [];
  readonly #heldReads = new Set<number>();
  #scratchSize = 0;
  #time = 0;
  #isInside = false;
  #leavesReading = false;

  begin(): void {
    this.#isInside = true;
    this.#leavesReading = false;
  }

  seal(): void {
    this.#isInside = false;
  }

  /** The step ends before what is read from now on has been. */
  leaveReading(): void {
    this.#leavesReading = true;
  }

  /** The step ends with the buffers that are held then. */
  end(): void {
    this.#isInside = false;
    this.#heldAtEnd = [...this.#held.values()];
  }

  make(size: number, kind = ''): number {
    if (this.#isInside) return this.#buffers.push({ size, kind, madeAt: this.#time++, droppedAt: Infinity, reading: 'none' }) - 1;
    this.#held.set(--this.#heldCount, size);
    return this.#heldCount;
  }

  drop(number: number): void {
    // One that is made after the step has begun comes again with every step: the device keeps its place.
    if (number < 0 && this.#time > 0) return;
    if (number < 0) this.#held.delete(number);
    else this.#buffers[number]!.droppedAt = this.#time++;
  }

  /** The host reads the buffer. */
  read(number: number): void {
    if (number >= 0) this.#buffers[number]!.reading = this.#leavesReading ? 'left' : 'awaited';
    else this.#heldReads.add(this.#held.get(number)!);
  }

  needScratch(size: number): void {
    this.#scratchSize = Math.max(this.#scratchSize, size);
  }

  /** What was noted; a buffer that was not dropped lives to the end. */
  trace(): StepTrace {
    return { buffers: this.#buffers.map((buffer) => ({ ...buffer, droppedAt: Math.min(buffer.droppedAt, this.#time) })), scratchSize: this.#scratchSize, heldSizes: [...this.#heldAtEnd, ...this.#heldReads] };
  }
}

const overlaps = (a: StepBuffer, b: StepBuffer) => a.madeAt < b.droppedAt && b.madeAt < a.droppedAt;

/** Numbers of the buffers, the largest first, so that small ones fill what the large ones leave; then in their own order. */
function largestFirst(buffers: readonly StepBuffer[]): number[] {
  return [...buffers.keys()].sort((a, b) => buffers[b]!.size - buffers[a]!.size || a - b);
}

/** The most that lives at once: no arena can be smaller. */
export function peakSize({ buffers }: StepTrace): number {
  const changes = buffers.flatMap(({ size, madeAt, droppedAt }) => [[madeAt, size], [droppedAt, -size]] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let live = 0;
  let peak = 0;
  for (const [, change] of changes) peak = Math.max(peak, (live += change));
  return peak;
}

/**
 * Places the buffers of a step in one range of addresses, each at the lowest that is free for all of its life.
 * Greedy by size, which comes near the peak (Pisarchyk & Lee, arXiv 2001.03288, section 5). Returns offsets in the order of making.
 */
export function placeInRange({ buffers }: StepTrace): { readonly offsets: readonly number[]; readonly size: number } {
  const offsets = new Array<number>(buffers.length).fill(0);
  const placed: number[] = [];
  let end = 0;
  for (const number of largestFirst(buffers)) {
    const buffer = buffers[number]!;
    const inTheWay = placed.filter((other) => overlaps(buffer, buffers[other]!)).sort((a, b) => offsets[a]! - offsets[b]!);
    let offset = 0;
    for (const other of inTheWay) {
      if (offsets[other]! - offset >= buffer.size) break;
      offset = Math.max(offset, offsets[other]! + buffers[other]!.size);
    }
    offsets[number] = offset;
    placed.push(number);
    end = Math.max(end, offset + buffer.size);
  }
  return { offsets, size: end };
}

/** A place that holds one buffer at a time. */
export interface StepSlot {
  readonly size: number;
  readonly kind: string;
}

/**
 * Shares slots between the buffers of several steps, of which one runs at a time: each goes into the smallest slot that is
 * free for all of its life, or opens one of its own size. Returns for each step the slots of its buffers in the order of making.
 */
export function placeInSlots(traces: readonly StepTrace[]): { readonly slots: readonly StepSlot[]; readonly places: readonly (readonly number[])[] } {
  const slots: (StepSlot & { readonly holds: (readonly StepBuffer[])[] })[] = [];
  const places = traces.map(({ buffers }) => new Array<number>(buffers.length).fill(0));
  const all = traces.flatMap(({ buffers }, step) => buffers.map((buffer, number) => ({ buffer, step, number }))).sort((a, b) => b.buffer.size - a.buffer.size || a.step - b.step || a.number - b.number);
  for (const { buffer, step, number } of all) {
    const isFree = (slot: (typeof slots)[number]) => slot.kind === buffer.kind && !slot.holds[step]!.some((other) => overlaps(buffer, other));
    // Slots were opened in descending order of size: the last that is free is the smallest.
    let place = slots.findLastIndex(isFree);
    if (place < 0) place = slots.push({ size: buffer.size, kind: buffer.kind, holds: traces.map(() => []) }) - 1;
    slots[place]!.holds[step] = [...slots[place]!.holds[step]!, buffer];
    places[step]![number] = place;
  }
  return { slots: slots.map(({ size, kind }) => ({ size, kind })), places };
}
