import { invariant } from '../../ground/check.ts';
import { BedsideError } from '../../ground/errors.ts';

/** What is needed of a `WebAssembly.Memory`. */
export interface GrowableMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** How large a memory is, and how it grows. */
interface PageSource {
  readonly sizeBytes: number;
  grow(pages: number): void;
}

interface Span {
  start: number;
  end: number;
}

export const pageBytes = 65_536;
/** Of a memory that nothing was asked of. */
export const initialPages = 16;
const alignment = 64;
/** Kernels work on whole vectors and panels: they read up to 28 bytes past a buffer, and gelu writes up to 12. */
const slackBytes = 32;
/** Grows by at least this much, so that small buffers do not grow it one by one. */
const minimumGrowthPages = 16;

/** Bytes that a block of `bytes` bytes takes. */
export function blockBytes(bytes: number): number {
  return Math.ceil((bytes + slackBytes) / alignment) * alignment;
}

/** The most bytes that fit into a block of `size` bytes; undoes `blockBytes`. */
export function blockRoom(size: number): number {
  return size - slackBytes;
}

function outOfMemoryError(wantedBytes: number, heldBytes: number): BedsideError {
  const [wanted, held] = [wantedBytes, heldBytes].map((bytes) => Math.ceil(bytes / 2 ** 20)) as [number, number];
  return new BedsideError('device/out-of-memory', 'device', `The model needs ${wanted} MB more memory than the ${held} MB it has, and the device gave none.`, 'Close other tabs, or use a smaller model or shorter texts.', { wanted, held });
}

/** What operations ask of a memory. */
export type MemoryBlocks = Pick<LinearMemory, 'allocate' | 'release' | 'floats' | 'integers' | 'bytes' | 'sizeBytes' | 'liveBytes'>;

/**
 * Places of blocks in a memory: best fit over a list of free spans that join when they touch, so that batches of any
 * shape reuse the same bytes.
 */
export class BlockList {
  private readonly free: Span[];
  private readonly sizes = new Map<number, number>();

  constructor(private readonly pages: PageSource, firstFreeByte: number) {
    const start = Math.ceil(firstFreeByte / alignment) * alignment;
    this.free = start < pages.sizeBytes ? [{ start, end: pages.sizeBytes }] : [];
  }

  /** Bytes the memory has grown to; it never shrinks. */
  get sizeBytes(): number {
    return this.pages.sizeBytes;
  }

  /** Bytes of the blocks that are allocated and not yet released. */
  get liveBytes(): number {
    let total = 0;
    for (const size of this.sizes.values()) total += size;
    return total;
  }

  /** Blocks allocated and not yet released. */
  get liveBlocks(): number {
    return this.sizes.size;
  }

  /** Address of a block of at least `bytes` bytes, whose contents are whatever was there. */
  allocate(bytes: number): number {
    const size = blockBytes(bytes);
    let best = this.bestFit(size);
    if (best < 0) {
      this.growFor(size);
      best = this.bestFit(size);
    }
    const span = this.free[best]!;
    const pointer = span.start;
    span.start += size;
    if (span.start === span.end) this.free.splice(best, 1);
    this.sizes.set(pointer, size);
    return pointer;
  }

  release(pointer: number): void {
    const size = this.sizes.get(pointer);
    invariant(size !== undefined, 'a buffer is released once');
    this.sizes.delete(pointer);
    this.addFree(pointer, pointer + size);
  }

  private bestFit(size: number): number {
    let best = -1;
    let bestSize = Infinity;
    for (let i = 0; i < this.free.length; i++) {
      const spanSize = this.free[i]!.end - this.free[i]!.start;
      if (spanSize >= size && spanSize < bestSize) {
        best = i;
        bestSize = spanSize;
      }
    }
    return best;
  }

  private growFor(size: number): void {
    const end = this.sizeBytes;
    const last = this.free.at(-1);
    const missing = last?.end === end ? size - (last.end - last.start) : size;
    try {
      this.pages.grow(Math.max(minimumGrowthPages, Math.ceil(missing / pageBytes)));
    } catch {
      throw outOfMemoryError(missing, end);
    }
    this.addFree(end, this.sizeBytes);
  }

  private addFree(start: number, end: number): void {
    let next = this.free.findIndex((span) => span.start > start);
    if (next < 0) next = this.free.length;
    const before = this.free[next - 1];
    const after = this.free[next];
    if (before?.end === start && after?.start === end) {
      before.end = after.end;
      this.free.splice(next, 1);
    } else if (before?.end === start) before.end = end;
    else if (after?.start === end) after.start = start;
    else this.free.splice(next, 0, { start, end });
  }
}

/** Blocks of one linear memory. Views are valid until the next `allocate`, which may move the memory. */
export class LinearMemory extends BlockList {
  constructor(private readonly memory: GrowableMemory, firstFreeByte: number) {
    super({
      get sizeBytes() {
        return memory.buffer.byteLength;
      },
      grow: (pages) => void memory.grow(pages),
    }, firstFreeByte);
  }

  floats(pointer: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, length);
  }

  integers(pointer: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, pointer, length);
  }

  bytes(pointer: number, length: number): Int8Array {
    return new Int8Array(this.memory.buffer, pointer, length);
  }
}
