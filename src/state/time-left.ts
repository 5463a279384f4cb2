import type { Progress } from '../shell/bedside.service.ts';

/** The first batches are small and a model may still be loading: they say nothing of the rest. */
const shortestTimingMs = 3000;

/** How long a count will still take, by its pace since the first that was done. */
export class TimeLeft {
  #first: { readonly atMs: number; readonly done: number } | null = null;

  /** Seconds, or null where it cannot be told yet. `atMs` is of a clock that never goes back. */
  tell({ done, total }: Progress, atMs: number): number | null {
    if (done > 0) this.#first ??= { atMs, done };
    if (this.#first === null || atMs - this.#first.atMs <= shortestTimingMs || done <= this.#first.done) return null;
    return (((atMs - this.#first.atMs) / (done - this.#first.done)) * (total - done)) / 1000;
  }
}
