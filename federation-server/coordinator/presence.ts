/** Long enough for a tab in the background, whose timers are slowed down. */
const PRESENT_MS = 2 * 60_000;

/** Which members have been heard lately. */
export class Presence {
  readonly #heardAtMs = new Map<string, number>();

  constructor(private readonly nowMs: () => number) {}

  heard(keyHash: string): void {
    this.#heardAtMs.set(keyHash, this.nowMs());
  }

  left(keyHash: string): void {
    this.#heardAtMs.delete(keyHash);
  }

  count(): number {
    const since = this.nowMs() - PRESENT_MS;
    return [...this.#heardAtMs.values()].filter((atMs) => atMs >= since).length;
  }
}
