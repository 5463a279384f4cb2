import { BedsideError } from '../ground/errors.ts';

/** Stopped while notes were still being read: there is no step to keep a model of, and this session has charged nothing. */
export function stoppedEarly(): BedsideError {
  return new BedsideError('training/stopped-early', 'input', 'The run was stopped while it was reading the notes. Nothing was trained or charged meanwhile.', 'Start again when you like.');
}

export function isStoppedEarly(error: unknown): boolean {
  return error instanceof BedsideError && error.code === 'training/stopped-early';
}

/** Pause, resume and stop of a run, heeded between steps, and between batches of notes that are read before the first. */
export class SessionControl {
  #isStopping = false;
  #whenResumed: Promise<void> | null = null;
  #resume: (() => void) | null = null;

  get isPaused(): boolean {
    return this.#whenResumed !== null;
  }
  get isStopping(): boolean {
    return this.#isStopping;
  }

  pause(): void {
    this.#whenResumed ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume?.();
    this.#whenResumed = null;
    this.#resume = null;
  }

  /** Ends the run after the current step; also out of a pause. */
  stop(): void {
    this.#isStopping = true;
    this.resume();
  }

  /** Resolves at once unless paused; then when resumed or stopped. */
  async whenRunning(): Promise<void> {
    while (this.#whenResumed !== null) await this.#whenResumed;
  }
}
