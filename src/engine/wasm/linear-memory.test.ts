import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GrowableMemory, LinearMemory } from './linear-memory.ts';

const pageBytes = 65_536;

/** A memory of plain arrays: growing copies, as a `WebAssembly.Memory` may. */
class FakeMemory implements GrowableMemory {
  buffer = new ArrayBuffer(pageBytes);
  constructor(private readonly maximumPages: number) {}
  grow(pages: number): number {
    const before = this.buffer.byteLength / pageBytes;
    if (before + pages > this.maximumPages) throw new RangeError('no more pages');
    const grown = new ArrayBuffer((before + pages) * pageBytes);
    new Uint8Array(grown).set(new Uint8Array(this.buffer));
    this.buffer = grown;
    return before;
  }
}

describe('linear memory', () => {
  it('keeps the contents of every live block whatever is allocated and released around it', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 90_000 }), victim: fc.option(fc.nat(), { nil: null }) }), { maxLength: 40 }), (actions) => {
        const memory = new LinearMemory(new FakeMemory(1000), 100);
        const live: { pointer: number; bytes: number; mark: number }[] = [];
        for (const [index, { bytes, victim }] of actions.entries()) {
          const mark = (index % 100) + 1;
          const pointer = memory.allocate(bytes);
          memory.bytes(pointer, bytes).fill(mark);
          live.push({ pointer, bytes, mark });
          if (victim !== null) memory.release(live.splice(victim % live.length, 1)[0]!.pointer);
          for (const block of live) expect(memory.bytes(block.pointer, block.bytes).every((byte) => byte === block.mark)).toBe(true);
        }
        expect(memory.liveBlocks).toBe(live.length);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves room after a block for kernels that work on whole vectors, also at the very end', () => {
    const memory = new LinearMemory(new FakeMemory(1000), 0);
    const [first, second] = [memory.allocate(64), memory.allocate(pageBytes * 40)];
    expect(second - first).toBeGreaterThanOrEqual(64 + 32);
    expect(second + pageBytes * 40 + 32).toBeLessThanOrEqual(memory.sizeBytes);
    expect([first % 16, second % 16]).toEqual([0, 0]);
  });

  it('joins what is released, in any order, and grows no further', () => {
    const memory = new LinearMemory(new FakeMemory(1000), 0);
    const thirds = [0, 1, 2].map(() => memory.allocate(pageBytes * 10));
    const size = memory.sizeBytes;
    for (const order of [[1, 0, 2], [0, 2, 1], [2, 1, 0]]) {
      for (const index of order) memory.release(thirds[index]!);
      const whole = memory.allocate(pageBytes * 30);
      memory.release(whole);
      for (const index of [0, 1, 2]) thirds[index] = memory.allocate(pageBytes * 10);
    }
    expect(memory.sizeBytes).toBe(size);
  });

  it('says what was missing when the device gives no more, and goes on with what there is', () => {
    const memory = new LinearMemory(new FakeMemory(20), 0);
    expect(() => memory.allocate(pageBytes * 64)).toThrow('The model needs 4 MB more memory than the 1 MB it has');
    expect(memory.bytes(memory.allocate(100), 100)).toHaveLength(100);
  });

  it('refuses to release what is not live', () => {
    const memory = new LinearMemory(new FakeMemory(20), 0);
    expect(() => memory.release(memory.allocate(4) + 4)).toThrow('released once');
  });
});
