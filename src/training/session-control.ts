/** Pause, resume and stop of a run, heeded between steps. */
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
