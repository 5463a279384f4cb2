import { BedsideError } from '../ground/errors.ts';

/** Somebody who waits for work that others may wait for as well. */
export interface Follower {
  readonly onProgress: (done: number) => void;
  readonly signal: AbortSignal;
}

export function workCancelled(): BedsideError {
  return new BedsideError('cancelled', 'input', 'Cancelled. Nothing was saved.', 'Start again when you like.');
}

/**
 * Work that is begun when first asked for and done once, however many ask. It is given up when everybody who waits has given up:
 * `report` then throws. Work that was given up or failed is begun anew by the next to ask; who asks without following never gives up.
 */
export class SharedWork<Result> {
  readonly #start: (report: (done: number) => void) => Promise<Result>;
  readonly #followers = new Set<Follower>();
  /** Those who wait and cannot give up. */
  #patient = 0;
  #done = 0;
  #work: Promise<Result> | null = null;

  constructor(start: (report: (done: number) => void) => Promise<Result>) {
    this.#start = start;
  }

  async result(follower?: Follower): Promise<Result> {
    if (follower?.signal.aborted) throw workCancelled();
    if (!follower) {
      this.#patient++;
      return this.#begun().finally(() => this.#patient--);
    }
    const { signal } = follower;
    this.#followers.add(follower);
    let leave = (): void => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(workCancelled());
      signal.addEventListener('abort', leave, { once: true });
    });
    if (this.#work) follower.onProgress(this.#done);
    try {
      return await Promise.race([this.#begun(), left]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#followers.delete(follower);
    }
  }

  #begun(): Promise<Result> {
    if (!this.#work) {
      this.#done = 0;
      this.#work = this.#start((done) => this.#report(done)).catch((error: unknown) => {
        this.#work = null;
        throw error;
      });
      this.#work.catch(() => undefined);
    }
    return this.#work;
  }

  #report(done: number): void {
    this.#done = done;
    if (this.#patient === 0 && ![...this.#followers].some(({ signal }) => !signal.aborted)) throw workCancelled();
    for (const { onProgress, signal } of this.#followers) if (!signal.aborted) onProgress(done);
  }
}
