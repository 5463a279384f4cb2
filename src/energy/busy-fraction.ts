/** Share of a device that works while trainers do: their cores, or all of the graphics chip. */
export function busyFraction(isGpu: boolean, workers: number, cores: number): number {
  return isGpu ? 1 : Math.min(1, Math.max(1, workers) / cores);
}
