import type { Around } from './around-operations.ts';

/** A query set has two times of each of so many passes; WebGPU allows no larger one. */
const passesOfSet = 2048;

/** One submission: from the start of its first pass to the end of its last, and what was launched in it, in order. */
export interface TimedSubmission {
  readonly elapsedMs: number;
  readonly launched: readonly string[];
}

/** Device time since the last asking, in milliseconds. */
export interface PassTimes {
  readonly byOperation: ReadonlyMap<string, number>;
  /** Those that had work to do, in order. */
  readonly submissions: readonly TimedSubmission[];
}

/** Device time from timestamp queries around every compute pass. */
export interface GpuTimes {
  readonly around: Around;
  take(): Promise<PassTimes>;
}

interface Pass {
  readonly name: string;
  readonly submission: number;
}

/**
 * Makes devices of this thread write the time before and after each compute pass. Call before a device is asked for; operations are told apart where each launch is submitted alone.
 * Null where there is no WebGPU. Edge cases: a device without `timestamp-query` gives no times.
 */
export function timeGpuPasses(): GpuTimes | null {
  if (typeof GPUAdapter === 'undefined') return null;
  let device: GPUDevice | null = null;
  let canTime = false;
  let sets: GPUQuerySet[] = [];
  let passes: Pass[] = [];
  let submission = 0;
  let launched = new Map<number, string[]>();
  let current = 'other';

  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor = {}) {
    canTime = this.features.has('timestamp-query');
    device = await requestDevice.apply(this, [{ ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? []), ...(canTime ? (['timestamp-query'] as const) : [])] }]);
    [sets, passes, launched] = [[], [], new Map()];
    return device;
  };
  const { beginComputePass } = GPUCommandEncoder.prototype;
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor = {}) {
    if (!device || !canTime) return beginComputePass.apply(this, [descriptor]);
    const pass = passes.push({ name: current, submission }) - 1;
    const querySet = (sets[Math.floor(pass / passesOfSet)] ??= device.createQuerySet({ type: 'timestamp', count: 2 * passesOfSet }));
    const place = 2 * (pass % passesOfSet);
    return beginComputePass.apply(this, [{ ...descriptor, timestampWrites: { querySet, beginningOfPassWriteIndex: place, endOfPassWriteIndex: place + 1 } }]);
  };
  const { submit } = GPUQueue.prototype;
  Object.assign(GPUQueue.prototype, {
    submit(this: GPUQueue, ...args: Parameters<GPUQueue['submit']>) {
      submission++;
      return submit.apply(this, args);
    },
  });

  /** Start and end of each pass of one query set, in nanoseconds. */
  async function read(on: GPUDevice, querySet: GPUQuerySet, count: number): Promise<BigUint64Array> {
    const sizeBytes = count * 16;
    const resolved = on.createBuffer({ size: sizeBytes, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const copy = on.createBuffer({ size: sizeBytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = on.createCommandEncoder();
    encoder.resolveQuerySet(querySet, 0, 2 * count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, copy, 0, sizeBytes);
    on.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(copy.getMappedRange().slice(0));
    copy.destroy();
    resolved.destroy();
    return times;
  }

  return {
    around: (name, compute) => {
      const before = current;
      current = name;
      launched.set(submission, [...(launched.get(submission) ?? []), name]);
      try {
        return compute();
      } finally {
        current = before;
      }
    },
    async take() {
      const [taken, names] = [passes, launched];
      [passes, launched] = [[], new Map()];
      const byOperation = new Map<string, number>();
      const spans = new Map<number, { from: bigint; to: bigint }>();
      for (let first = 0; device && first < taken.length; first += passesOfSet) {
        const own = taken.slice(first, first + passesOfSet);
        const times = await read(device, sets[first / passesOfSet]!, own.length);
        for (const [index, { name, submission: of }] of own.entries()) {
          const [from, to] = [times[2 * index]!, times[2 * index + 1]!];
          byOperation.set(name, (byOperation.get(name) ?? 0) + Number(to - from) / 1e6);
          spans.set(of, { from: spans.get(of)?.from ?? from, to });
        }
      }
      return { byOperation, submissions: [...spans].map(([of, { from, to }]) => ({ elapsedMs: Number(to - from) / 1e6, launched: names.get(of) ?? [] })) };
    },
  };
}
