import type { RefusalReason } from './refusal.ts';

/** Who was refused, as far as it is known and may be written: the first digits of the key's hash. */
const HASH_DIGITS = 12;
/** Keys that are counted one by one; beyond, all others are one. */
const MOST_KEYS = 1000;

/**
 * Counts what was refused. Writes the 1st, 10th, 100th … of each kind and key, so that no caller can fill a disk.
 * Knows no addresses, no headers and no bodies, and so cannot write any.
 */
export class PolicyLog {
  readonly #byKind = new Map<RefusalReason, number>();
  readonly #byKey = new Map<string, number>();

  constructor(private readonly write: (line: string) => void) {}

  /** `place`: the name of an address, never what was asked for by a caller. */
  refused(reason: RefusalReason, place: string, keyHash: string | null): void {
    this.#byKind.set(reason, (this.#byKind.get(reason) ?? 0) + 1);
    const key = keyHash?.slice(0, HASH_DIGITS) ?? 'nobody';
    const kind = `${reason} ${place} ${key}`;
    const counted = this.#byKey.has(kind) || this.#byKey.size < MOST_KEYS ? kind : `${reason} others`;
    const times = (this.#byKey.get(counted) ?? 0) + 1;
    this.#byKey.set(counted, times);
    if (/^10*$/.test(String(times))) this.write(`refused ${counted}, ${times} ${times === 1 ? 'time' : 'times'}`);
  }

  event(what: string, keyHash: string): void {
    this.write(`${what} ${keyHash.slice(0, HASH_DIGITS)}`);
  }

  /** A fault of ours; its message may hold anything, so only its kind is written. */
  fault(error: unknown): void {
    this.write(`fault: ${error instanceof Error ? error.name : typeof error}`);
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#byKind].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
