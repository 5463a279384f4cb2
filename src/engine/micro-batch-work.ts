import { Arena } from './arena.ts';
import type { Work } from './encoder-layers.ts';
import type { EngineInput } from './engine.ts';
import { halves, type MicroBatch } from './micro-batch.ts';
import type { Operations } from './operations/operations.ts';
import { isStepTooLarge, type OpenStep, type Pass, type StepSource } from './step-planner.ts';

/** What work on micro-batches stands on beside the operations. */
export interface MicroBatchGround {
  /** Cuts an input into micro-batches. */
  readonly cut: (input: EngineInput) => readonly MicroBatch[];
  readonly steps: StepSource;
  /** Awaited before each micro-batch. */
  readonly rest?: (() => Promise<void>) | undefined;
}

/** What is read of a micro-batch when it has been computed: the first `length` numbers of a buffer. */
export interface LastRead<Buffer> {
  readonly buffer: Buffer;
  readonly length: number;
}

/** Work that is done in one micro-batch after another, each in the memory that was planned for it. */
export class MicroBatchWork<Buffer> {
  constructor(
    private readonly operations: Operations<Buffer>,
    private readonly width: number,
    private readonly ground: MicroBatchGround,
  ) {}

  /** Runs `compute` on one micro-batch after another; each leaves nothing on the device. */
  async each(input: EngineInput, pass: Pass, compute: (part: MicroBatch, work: Work<Buffer>) => Promise<void>): Promise<void> {
    const { cut, rest } = this.ground;
    const waiting = [...cut(input)];
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      if (rest) await rest();
      const step = await this.#openOrCut(pass, part);
      if (!('end' in step)) {
        waiting.unshift(...step);
        continue;
      }
      const arena = new Arena(this.operations, step);
      try {
        await compute(part, { arena, sequences: arena.sequences(part.input.offsets), tokens: part.tokens });
      } finally {
        arena.close();
      }
    }
  }

  /**
   * The same where all that is left of a micro-batch is to be read: `compute` says what, and the device has the next micro-batch before the host has the numbers
   * of this one. `take` gets them, in order, and none after it has failed.
   */
  async eachRead(input: EngineInput, pass: Pass, compute: (part: MicroBatch, work: Work<Buffer>) => readonly LastRead<Buffer>[], take: (part: MicroBatch, values: readonly Float32Array[]) => Promise<void>): Promise<void> {
    let before: Promise<void> = Promise.resolve();
    await this.each(input, pass, async (part, work) => {
      const reads = compute(part, work);
      work.arena.leaveReading();
      const reading = Promise.all(reads.map(({ buffer, length }) => this.operations.download(buffer, length)));
      const earlier = before;
      before = Promise.all([reading, earlier]).then(([values]) => take(part, values));
      // Awaited a micro-batch later: until then a failure is nobody's.
      before.catch(() => undefined);
      await earlier;
    });
    await before;
  }

  /** The part's memory, or the part in two where there is not so much of it. */
  async #openOrCut(pass: Pass, part: MicroBatch): Promise<OpenStep | readonly [MicroBatch, MicroBatch]> {
    try {
      return await this.ground.steps.open(pass, part);
    } catch (error) {
      const smaller = isStepTooLarge(error) ? halves(part, this.width) : null;
      if (smaller) return smaller;
      throw error;
    }
  }
}
