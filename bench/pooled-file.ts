import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PooledMemory } from '../src/training/remembered-engine.ts';

/** Pooled outputs kept in a file between runs of the bench: one line of keys as JSON, then the vectors. Public data only. */
export class PooledFile implements PooledMemory {
  readonly #path: string;
  readonly #width: number;
  readonly #vectors: Map<string, Float32Array>;
  #savedCount: number;

  private constructor(path: string, width: number, vectors: Map<string, Float32Array>) {
    this.#path = path;
    this.#width = width;
    this.#vectors = vectors;
    this.#savedCount = vectors.size;
  }

  static open(path: string, width: number): PooledFile {
    const vectors = new Map<string, Float32Array>();
    if (existsSync(path)) {
      const bytes = readFileSync(path);
      const end = bytes.indexOf(10);
      const keys: string[] = JSON.parse(bytes.subarray(0, end).toString('utf8'));
      const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + end + 1, bytes.byteOffset + bytes.length));
      keys.forEach((key, index) => vectors.set(key, values.slice(index * width, (index + 1) * width)));
    }
    return new PooledFile(path, width, vectors);
  }

  get(key: string): Float32Array | undefined {
    return this.#vectors.get(key);
  }

  set(key: string, pooled: Float32Array): void {
    this.#vectors.set(key, pooled);
  }

  save(): void {
    if (this.#vectors.size === this.#savedCount) return;
    const values = new Float32Array(this.#vectors.size * this.#width);
    let at = 0;
    for (const vector of this.#vectors.values()) {
      values.set(vector, at);
      at += this.#width;
    }
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, Buffer.concat([Buffer.from(`${JSON.stringify([...this.#vectors.keys()])}\n`), Buffer.from(values.buffer)]));
    this.#savedCount = this.#vectors.size;
  }
}
