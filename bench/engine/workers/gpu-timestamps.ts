import type { Around } from './around-operations.ts';

const maximumPasses = 2000;

/** Device time by operation, from timestamp queries around every compute pass. */
export interface GpuTimes {
  readonly around: Around;
  /** Milliseconds by operation since the last call. */
  take(): Promise<Map<string, number>>;
}

/**
 * Makes devices of this thread write the time before and after each compute pass. Call before a device is asked for, and submit each launch alone.
 * Null where there is no WebGPU. Edge cases: a device without `timestamp-query` gives no times.
 */
export function timeGpuPasses(): GpuTimes | null {
  if (typeof GPUAdapter === 'undefined') return null;
  let device: GPUDevice | null = null;
  let queries: GPUQuerySet | null = null;
  let names: string[] = [];
  let current = 'other';

  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor = {}) {
    const canTime = this.features.has('timestamp-query');
    const made = await requestDevice.apply(this, [{ ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? []), ...(canTime ? (['timestamp-query'] as const) : [])] }]);
    device = made;
    queries = canTime ? made.createQuerySet({ type: 'timestamp', count: 2 * maximumPasses }) : null;
    return made;
  };
  const { beginComputePass } = GPUCommandEncoder.prototype;
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor = {}) {
    if (!queries || names.length >= maximumPasses) return beginComputePass.apply(this, [descriptor]);
    const pass = names.push(current) - 1;
    return beginComputePass.apply(this, [{ ...descriptor, timestampWrites: { querySet: queries, beginningOfPassWriteIndex: 2 * pass, endOfPassWriteIndex: 2 * pass + 1 } }]);
  };

  return {
    around: (name, compute) => {
      const before = current;
      current = name;
      try {
        return compute();
      } finally {
        current = before;
      }
    },
    async take() {
      const times = new Map<string, number>();
      const passes = names;
      names = [];
      if (!device || !queries || passes.length === 0) return times;
      const sizeBytes = passes.length * 16;
      const resolved = device.createBuffer({ size: sizeBytes, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
      const read = device.createBuffer({ size: sizeBytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
      const encoder = device.createCommandEncoder();
      encoder.resolveQuerySet(queries, 0, 2 * passes.length, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, read, 0, sizeBytes);
      device.queue.submit([encoder.finish()]);
      await read.mapAsync(GPUMapMode.READ);
      const nanoseconds = new BigUint64Array(read.getMappedRange());
      passes.forEach((name, pass) => times.set(name, (times.get(name) ?? 0) + Number(nanoseconds[2 * pass + 1]! - nanoseconds[2 * pass]!) / 1e6));
      read.destroy();
      resolved.destroy();
      return times;
    },
  };
}
