/**
 * Counts what this thread asks of WebGPU, whichever engine asks: compute launches and reads of results.
 * Null where the thread has no WebGPU.
 */
export function countGpuCalls(): (() => { readonly launches: number; readonly readBacks: number }) | null {
  if (typeof GPUComputePassEncoder === 'undefined') return null;
  let [launches, readBacks] = [0, 0];
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) {
    launches++;
    return dispatchWorkgroups.apply(this, size);
  };
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (mode, ...range) {
    if (mode === GPUMapMode.READ) readBacks++;
    return mapAsync.apply(this, [mode, ...range]);
  };
  return () => ({ launches, readBacks });
}
