/** A timer may take some milliseconds more than it was asked for: less is saved up. */
const shortestRestMs = 4;

/** Lets work go on for a share of the time only: after each stretch of work comes a rest in proportion. Time in which nobody asked for work counts as rest. */
export class Pacer {
  /** 1 for all of the time. */
  workShare = 1;
  #owedMs = 0;
  #isWorking = false;
  /** Rests and waits that go on in the middle of the work. */
  #breaks = 0;
  /** Up to here time has been counted. */
  #countedMs: number;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<void>;

  /** `now`: a clock in milliseconds that stands still while the machine sleeps, as `awakeClock`: however long a stretch of work, all of it is rested for. */
  constructor(now: () => number, sleep: (ms: number) => Promise<void>) {
    this.#now = now;
    this.#sleep = sleep;
    this.#countedMs = now();
  }

  /** Does one piece of work, after what rest is still owed. The answer comes at once. */
  async paced<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#restOwed();
    this.#isWorking = true;
    try {
      return await work();
    } finally {
      this.#count();
      this.#isWorking = false;
    }
  }

  /** In the middle of a long piece of work: rests for what has been done of it. Nothing where none goes on. */
  async rest(): Promise<void> {
    if (this.#isWorking) await this.waitFor(() => this.#restOwed());
  }

  /** Waits in the middle of a piece of work for somebody else, such as one who has paused it: that time counts as rest. */
  async waitFor<Result>(wait: () => Promise<Result>): Promise<Result> {
    this.#count();
    this.#breaks++;
    try {
      return await wait();
    } finally {
      this.#count();
      this.#breaks--;
    }
  }

  #count(): void {
    const now = this.#now();
    const elapsedMs = now - this.#countedMs;
    this.#countedMs = now;
    if (!this.#isWorking || this.#breaks > 0) this.#owedMs = Math.max(0, this.#owedMs - elapsedMs);
    else this.#owedMs = this.workShare < 1 ? this.#owedMs + (elapsedMs * (1 - this.workShare)) / this.workShare : 0;
  }

  async #restOwed(): Promise<void> {
    this.#count();
    if (this.#owedMs >= shortestRestMs) await this.#sleep(this.#owedMs);
    this.#count();
  }
}
