export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** How many callers are remembered; who has been quiet longest is forgotten first, and has a full bucket by then. */
const MOST_CALLERS = 10_000;

/** One bucket of tokens a caller: `burst` at first, filled again at `perSecond`. */
export class TokenBuckets {
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(
    private readonly rate: Rate,
    private readonly nowMs: () => number,
  ) {}

  /** Takes a token; false where there is none. */
  take(caller: string): boolean {
    const { perSecond, burst } = this.rate;
    const now = this.nowMs();
    const bucket = this.#buckets.get(caller) ?? { tokens: burst, atMs: now };
    // A clock that is set back must not empty buckets.
    const tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.atMs) / 1000) * perSecond);
    const isTaken = tokens >= 1;
    // Deleted first, so that the map is in order of last use.
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: isTaken ? tokens - 1 : tokens, atMs: now });
    if (this.#buckets.size > MOST_CALLERS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return isTaken;
  }
}
