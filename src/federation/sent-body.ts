/** The list of every request body that left this device for a coordinator: which call, when, how long, and a hash that anybody can check. */

/** One body, listed before it goes. */
export interface SentBody {
  /** The call: `enrol`, `pull-messages`, `push-object` and so on. */
  readonly endpoint: string;
  readonly atMs: number;
  readonly bytes: number;
  /** SHA-256 of the body, hexadecimal. */
  readonly sha256: string;
}

/** A body that left, once or several times over, byte for byte the same. */
export interface SentLine {
  readonly endpoint: string;
  /** Null where older lines of a call were added up, because there were more than `MOST_LINES`: their hashes are forgotten. */
  readonly sha256: string | null;
  /** Each time it left; of added-up lines all of them together. */
  readonly bytes: number;
  /** How often it was put on the wire. Whether it arrived is not known of a call that had no answer. */
  readonly times: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** A round is about fifteen different bodies; what a server may provoke by messages that are declined has to end somewhere. */
export const MOST_LINES = 10_000;

/** The line of a body that was on the list already, or a new one. */
export function withBody(line: SentLine | undefined, { endpoint, atMs, bytes, sha256 }: SentBody): SentLine {
  return line ? { ...line, times: line.times + 1, lastAtMs: atMs } : { endpoint, sha256, bytes, times: 1, firstAtMs: atMs, lastAtMs: atMs };
}

/** One more line added up with those of its call that were before it. */
export function addedUp(sum: SentLine | undefined, line: SentLine): SentLine {
  const bytes = (sum?.bytes ?? 0) + bytesOfLine(line);
  const times = (sum?.times ?? 0) + line.times;
  return { endpoint: line.endpoint, sha256: null, bytes, times, firstAtMs: Math.min(sum?.firstAtMs ?? Infinity, line.firstAtMs), lastAtMs: Math.max(sum?.lastAtMs ?? 0, line.lastAtMs) };
}

export function bytesOfLine({ sha256, bytes, times }: SentLine): number {
  return sha256 === null ? bytes : bytes * times;
}

export function bytesOfLines(lines: readonly SentLine[]): number {
  return lines.reduce((sum, line) => sum + bytesOfLine(line), 0);
}
