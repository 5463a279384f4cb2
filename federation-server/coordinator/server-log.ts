import { appendFileSync, renameSync, statSync } from 'node:fs';

/** One older file of this size is kept beside it, so that no caller fills a disk. */
const LARGEST_BYTES = 16_000_000;
/** A line without an end is cut here. */
const LONGEST_LINE = 8192;
/** Flower writes a line for every call; what is refused and what goes wrong is told elsewhere. */
const ofOneCall = /\[uvicorn\.access\]/;
/** Flower's errors quote the key of a caller whole. */
const key = /-----BEGIN PUBLIC KEY-----.*?(?:-----END PUBLIC KEY-----(?:\\n)?|$)/g;

/** `server.log`: what the coordinator and Flower say, line by line, without keys and without a line for every call. */
export class ServerLog {
  #bytes: number;
  #begun = '';

  constructor(
    private readonly path: string,
    private readonly largestBytes = LARGEST_BYTES,
  ) {
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** A line of ours. */
  line(text: string): void {
    this.#append(`${text}\n`);
  }

  /** Output as it comes, in pieces that end anywhere. */
  output(text: string): void {
    const lines = (this.#begun + text).split('\n');
    this.#begun = lines.pop()!.slice(0, LONGEST_LINE);
    const kept = lines.filter((line) => !ofOneCall.test(line)).map((line) => `${line.slice(0, LONGEST_LINE).replace(key, 'a key')}\n`);
    if (kept.length > 0) this.#append(kept.join(''));
  }

  #append(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#bytes > 0 && this.#bytes + bytes > this.largestBytes) {
      renameSync(this.path, `${this.path}.1`);
      this.#bytes = 0;
    }
    appendFileSync(this.path, text, { mode: 0o600 });
    this.#bytes += bytes;
  }
}
