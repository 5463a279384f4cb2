import { invariant } from '../../ground/check.ts';
import type { StepArena, StepLayout } from '../operations/buffers/planned-steps.ts';
import { placeInSlots, type StepTrace } from '../step-trace.ts';
import { bucketLength } from './buckets.ts';
import type { DeviceBuffer, DeviceBufferType } from './device.ts';
import { ForwardingDevice } from './forwarding-device.ts';

const numberBytes = 4;

interface RunningStep {
  readonly slots: readonly DeviceBuffer[];
  readonly places: readonly number[];
  readonly trace: StepTrace;
  /** Slots of living buffers. */
  readonly taken: Map<DeviceBuffer, number>;
  next: number;
  isSealed: boolean;
}

/**
 * Numbers in the copies that the host can read, of which each is as large as the slot and kept for the next one of its size.
 * What a step awaits is read one after the other; what it leaves is read with that of the step before.
 */
function copiedNumbers(traces: readonly StepTrace[], sizeOf: (step: number, number: number) => number): number {
  const most = new Map<number, number>();
  for (const [step, { buffers }] of traces.entries()) {
    const left = new Map<number, number>();
    for (const [number, { reading }] of buffers.entries()) {
      const size = sizeOf(step, number);
      if (reading === 'left') left.set(size, (left.get(size) ?? 0) + 2);
      if (reading === 'awaited') most.set(size, Math.max(1, most.get(size) ?? 0));
    }
    for (const [size, count] of left) most.set(size, Math.max(count, most.get(size) ?? 0));
  }
  return [...most].reduce((total, [size, count]) => total + size * count, 0);
}

/** Slots for any one of the steps, and the bytes of them and of what reading back takes. */
export function layoutInSlots(traces: readonly StepTrace[]) {
  const { slots, places } = placeInSlots(traces);
  const numbers = slots.reduce((total, { size }) => total + size, copiedNumbers(traces, (step, number) => slots[places[step]![number]!]!.size));
  return { slots, places, sizeBytes: numbers * numberBytes, largestBytes: Math.max(0, ...slots.map(({ size }) => size * numberBytes)) };
}

/** A device whose buffers, inside a step, are slots that were made before it. */
export class SteppedDevice extends ForwardingDevice {
  unplannedBuffers = 0;
  /** Every buffer that stands for a slot: the slot outlives it. */
  readonly #planned = new WeakSet<DeviceBuffer>();
  #step: RunningStep | null = null;
  #arena: StepArena | null = null;

  override allocate(length: number, type: DeviceBufferType = 'float32'): DeviceBuffer {
    return this.#place(length, type) ?? super.allocate(length, type);
  }

  override upload(values: Float32Array | Int32Array): DeviceBuffer {
    const planned = this.#place(values.length, values instanceof Float32Array ? 'float32' : 'int32');
    if (planned === null) return super.upload(values);
    this.device.write(planned, values);
    return planned;
  }

  override release(buffer: DeviceBuffer): void {
    if (this.#planned.has(buffer)) this.#step?.taken.delete(buffer);
    else super.release(buffer);
  }

  layout(traces: readonly StepTrace[]): StepLayout {
    const { slots, places, sizeBytes, largestBytes } = layoutInSlots(traces);
    return { sizeBytes, largestBytes, take: () => this.#take(slots.map(({ size, kind }) => this.device.allocate(size, kind === 'int32' ? 'int32' : 'float32')), places, traces) };
  }

  /** Gives the slots back, where some are held. */
  releaseArena(): void {
    this.#arena?.release();
  }

  #take(slots: readonly DeviceBuffer[], places: readonly (readonly number[])[], traces: readonly StepTrace[]): StepArena {
    const arena: StepArena = {
      begin: (step) => {
        invariant(this.#step === null, 'one step runs at a time');
        this.#step = { slots, places: places[step]!, trace: traces[step]!, taken: new Map(), next: 0, isSealed: false };
      },
      seal: () => {
        if (this.#step) this.#step.isSealed = true;
      },
      end: () => {
        this.#step = null;
      },
      release: () => {
        for (const slot of slots) this.device.release(slot);
        this.#step = null;
        this.#arena = null;
        // What is taken next is of other sizes: the pool would hold both.
        this.device.purge();
      },
    };
    this.#arena = arena;
    return arena;
  }

  /** The next buffer in its slot, or null where there is no step or it makes another buffer than was rehearsed. */
  #place(length: number, type: DeviceBufferType): DeviceBuffer | null {
    const step = this.#step;
    if (step === null || step.isSealed) return null;
    const planned = step.trace.buffers[step.next];
    const place = step.places[step.next];
    if (planned !== undefined && planned.kind === type) step.next++;
    const capacity = bucketLength(length);
    const isTaken = [...step.taken.values()].includes(place ?? -1);
    if (planned === undefined || place === undefined || planned.kind !== type || capacity > planned.size || isTaken) {
      this.unplannedBuffers++;
      return null;
    }
    const buffer: DeviceBuffer = { dataId: step.slots[place]!.dataId, type, capacity };
    this.#planned.add(buffer);
    step.taken.set(buffer, place);
    return buffer;
  }
}
