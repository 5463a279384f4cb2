import { bytesToUtf8 } from '../../ground/bytes.ts';
import { malformed } from '../errors.ts';

/** Reads a stretch of bytes from its start to its end; every step beyond either is the one named error. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;

  constructor(
    bytes: Uint8Array,
    /** The message's name, for errors. */
    readonly what: string,
    start = 0,
    end = bytes.length,
  ) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#end;
  }

  fail(problem: string): never {
    throw malformed(this.what, problem, this.#position);
  }

  /** Seven bits a byte, at most ten bytes, below 2^64. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.isAtEnd) this.fail('an end in the middle of a number');
      const byte = this.#bytes[this.#position++]!;
      if (shift === 63n && byte > 1) this.fail('a number of more than 64 bits');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.fail('a number of more than ten bytes');
  }

  double(): number {
    this.#need(8);
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#position, 8).getFloat64(0, true);
    this.#position += 8;
    return value;
  }

  /** A view, not a copy, of as many bytes as the number before them says. */
  lengthDelimited(): Uint8Array {
    const length = this.#length();
    const bytes = this.#bytes.subarray(this.#position, this.#position + length);
    this.#position += length;
    return bytes;
  }

  /** A reader of the part whose length comes first; this one goes on behind it. */
  part(what: string): ByteReader {
    const length = this.#length();
    const part = new ByteReader(this.#bytes, what, this.#position, this.#position + length);
    this.#position += length;
    return part;
  }

  text(): string {
    const start = this.#position;
    const bytes = this.lengthDelimited();
    try {
      return bytesToUtf8(bytes);
    } catch {
      throw malformed(this.what, 'text that is not UTF-8', start);
    }
  }

  skip(count: number): void {
    this.#need(count);
    this.#position += count;
  }

  #length(): number {
    const length = this.varint();
    if (length > BigInt(this.#end - this.#position)) this.fail('a length beyond the end');
    return Number(length);
  }

  #need(count: number): void {
    if (this.#end - this.#position < count) this.fail('an end in the middle of a value');
  }
}
