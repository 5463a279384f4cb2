/** Longest time for which an answer is given out again. */
const KEPT_MS = 1000;

/** An answer that is the same for everybody, as JSON: made anew for each, or given out again for a second, so that a flood of calls costs no more than the sending. */
export class RecentAnswer {
  #kept: { readonly body: Promise<Buffer>; readonly atMs: number } | null = null;

  constructor(
    private readonly make: () => Promise<unknown>,
    private readonly nowMs: () => number,
  ) {}

  anew(): Promise<Buffer> {
    const kept = { body: this.make().then((value) => Buffer.from(JSON.stringify(value))), atMs: this.nowMs() };
    this.#kept = kept;
    // One that fails is made again; whoever waits for it hears that it failed.
    kept.body.catch(() => {
      if (this.#kept === kept) this.#kept = null;
    });
    return kept.body;
  }

  recent(): Promise<Buffer> {
    const { body, atMs } = this.#kept ?? { body: null, atMs: 0 };
    // A clock that is set back must not keep an answer for ever.
    return body !== null && Math.abs(this.nowMs() - atMs) < KEPT_MS ? body : this.anew();
  }
}
