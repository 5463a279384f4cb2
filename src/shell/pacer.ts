/** A timer may take some milliseconds more than it was asked for: less is saved up. */
const shortestRestMs = 4;

/** Lets work go on for a share of the time only: after each stretch of work comes a rest in proportion. Time in which nobody asked for work counts as rest. */
export class Pacer {
  /** 1 for all of the time. */
  workShare = 1;
  #owedMs = 0;
  #isWorking = false;
  #workingSinceMs = 0;
  #idleSinceMs = 0;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<void>;

  /** `now`: a clock in milliseconds that stands still while the machine sleeps, as `awakeClock`: however long a stretch of work, all of it is rested for. */
  constructor(now: () => number, sleep: (ms: number) => Promise<void>) {
    this.#now = now;
    this.#sleep = sleep;
    this.#idleSinceMs = now();
  }

  /** Does one piece of work, after what rest is still owed. The answer comes at once. */
  async paced<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#owedMs = Math.max(0, this.#owedMs - (this.#now() - this.#idleSinceMs));
    await this.#restOwed();
    this.#workingSinceMs = this.#now();
    this.#isWorking = true;
    try {
      return await work();
    } finally {
      this.#countWork();
      this.#isWorking = false;
      this.#idleSinceMs = this.#now();
    }
  }

  /** In the middle of a long piece of work: rests for what has been done of it. Nothing where none goes on. */
  async rest(): Promise<void> {
    if (!this.#isWorking) return;
    this.#countWork();
    await this.#restOwed();
    this.#workingSinceMs = this.#now();
  }

  #countWork(): void {
    const workedMs = this.#now() - this.#workingSinceMs;
    this.#owedMs = this.workShare < 1 ? this.#owedMs + (workedMs * (1 - this.workShare)) / this.workShare : 0;
  }

  async #restOwed(): Promise<void> {
    if (this.#owedMs < shortestRestMs) return;
    const startMs = this.#now();
    await this.#sleep(this.#owedMs);
    this.#owedMs = Math.max(0, this.#owedMs - (this.#now() - startMs));
  }
}
