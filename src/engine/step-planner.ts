import { BedsideError } from '../ground/errors.ts';
import type { Engine, EngineInput } from './engine.ts';
import type { MicroBatch } from './micro-batch.ts';
import type { BertShape } from './model/weights.ts';
import type { PlannedSteps, StepArena, StepLayout } from './operations/buffers/planned-steps.ts';
import type { AdapterConfig } from './parameters.ts';
import type { StepRecorder, StepTrace } from './step-trace.ts';
import { bucketLength } from './webgpu/buckets.ts';

/** One kind of call on the engine: every step of it makes the same buffers, for as many tokens and rows as it has. */
export interface Pass {
  /** The same for calls that make the same buffers. */
  readonly name: string;
  /** The call itself, with another input. */
  again(engine: Engine, input: EngineInput): Promise<unknown>;
}

/** A step whose memory is ready. */
export interface OpenStep {
  seal(): void;
  /** What is read from here on, the next step may find unfinished. */
  leaveReading(): void;
  end(): void;
}

/** Gets memory ready for one step after another. */
export interface StepSource {
  /** Throws: `device/step-too-large`, with nothing taken. */
  open(pass: Pass, part: MicroBatch): Promise<OpenStep>;
  /** Other parameters train from now on: what was planned does not hold. */
  configure(adapter: AdapterConfig): void;
}

/** Buffers are made one by one: there is nothing to get ready. */
export const unplannedSteps: StepSource = {
  open: () => Promise.resolve({ seal: () => undefined, leaveReading: () => undefined, end: () => undefined }),
  configure: () => undefined,
};

/** A rehearsal: its one step is noted. */
export function rehearsedSteps(recorder: StepRecorder): StepSource {
  return {
    open() {
      recorder.begin();
      return Promise.resolve({ seal: () => recorder.seal(), leaveReading: () => recorder.leaveReading(), end: () => recorder.end() });
    },
    configure: () => undefined,
  };
}

/** Token and row counts that a plan holds: every smaller batch fits into it. */
export interface StepBucket {
  readonly tokens: number;
  readonly rows: number;
}

export interface StepLimits {
  readonly maximumTokens: number;
  readonly maximumRows: number;
  /** The most bytes that the engine may hold, where that is less than what the device gives. */
  readonly budgetBytes: number;
}

/** The bucket of a batch: a quarter of an octave in tokens and an octave in rows, within the limits where the batch is. */
export function bucketOf({ tokens, rows }: StepBucket, { maximumTokens, maximumRows }: Pick<StepLimits, 'maximumTokens' | 'maximumRows'>): StepBucket {
  const octave = 2 ** Math.ceil(Math.log2(rows));
  return {
    tokens: tokens > maximumTokens ? bucketLength(tokens) : Math.min(bucketLength(tokens), maximumTokens),
    rows: rows > maximumRows ? octave : Math.min(octave, maximumRows),
  };
}

/**
 * An input of a bucket at its fullest, of tokens or of the outputs of a layer. The first row has all the tokens, so that what
 * depends on the longest row is at its largest too.
 */
export function fullestInput({ tokens, rows }: StepBucket, layer: number | null, { width, vocabularySize }: BertShape): EngineInput {
  const offsets = new Int32Array(rows + 1).fill(tokens, 1);
  // As many different words as there can be.
  return layer === null ? { ids: Int32Array.from({ length: tokens }, (_, t) => t % vocabularySize), offsets } : { hidden: new Float32Array(tokens * width), offsets, layer };
}

const megabytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);

/** What a step takes, of what there is. */
interface Room {
  readonly neededBytes: number;
  readonly availableBytes: number;
}

interface RefusedStep extends Room {
  readonly tokens: number;
  /** The longest row that could be read instead; null where none could, or nobody looked. */
  readonly fittingTokens: number | null;
}

export function stepTooLarge({ neededBytes, availableBytes, tokens, fittingTokens }: RefusedStep): BedsideError {
  const values = { needed: megabytes(neededBytes), available: megabytes(availableBytes), tokens, fits: fittingTokens ?? 0 };
  return new BedsideError(
    'device/step-too-large', 'device',
    `A step of ${tokens} tokens needs ${values.needed} MB of memory at once; ${values.available} MB can be had here.${fittingTokens === null ? '' : ` ${fittingTokens} tokens would fit.`}`,
    fittingTokens === null ? 'Choose a smaller model, a lower adapter rank or fewer layers to train.' : `Set the maximum length to ${fittingTokens} or less, or choose a smaller model or a lower adapter rank.`, values,
  );
}

/** Whether a step was refused for its size: one of fewer rows may fit. */
export function isStepTooLarge(error: unknown): boolean {
  return error instanceof BedsideError && error.code === 'device/step-too-large';
}

/** Token counts that buckets have, below `tokens`, ascending. */
function smallerBuckets(tokens: number): readonly number[] {
  const sizes = new Set<number>();
  for (let count = 1; count < tokens; count++) sizes.add(Math.min(bucketLength(count), tokens));
  sizes.delete(tokens);
  return [...sizes];
}

interface PlannedPass {
  readonly pass: Pass;
  /** Of the hidden states that it reads; null where it reads tokens. */
  readonly layer: number | null;
  readonly trace: StepTrace;
}

type AskedPass = Omit<PlannedPass, 'trace'> & { readonly name: string };

/**
 * Plans the memory of steps before they run: one arena for every pass that was asked for, as large as the fullest bucket
 * met so far needs. A step of that bucket or a smaller one allocates nothing. Where all of them together do not fit, the pass in hand has the memory alone.
 */
export class StepPlanner implements StepSource {
  #adapter: AdapterConfig | null = null;
  #bucket: StepBucket = { tokens: 0, rows: 0 };
  #passes: ReadonlyMap<string, PlannedPass> = new Map();
  #arena: StepArena | null = null;
  /** Passes and buckets, by name, that did not fit: looked at once. */
  readonly #tooMuch = new Map<string, Room>();

  /** `rehearse` runs a pass once, with that input, on operations that do not compute. */
  constructor(
    private readonly steps: PlannedSteps,
    private readonly shape: BertShape,
    private readonly limits: StepLimits,
    private readonly rehearse: (adapter: AdapterConfig | null, pass: Pass, input: EngineInput) => Promise<StepTrace>,
  ) {}

  async open(pass: Pass, { input, tokens, rows }: MicroBatch): Promise<OpenStep> {
    const layer = 'ids' in input ? null : input.layer;
    const name = `${pass.name} of ${layer === null ? 'tokens' : `layer ${layer}`}`;
    const wanted = bucketOf({ tokens, rows }, this.limits);
    const bucket = { tokens: Math.max(wanted.tokens, this.#bucket.tokens), rows: Math.max(wanted.rows, this.#bucket.rows) };
    const isGrown = bucket.tokens > this.#bucket.tokens || bucket.rows > this.#bucket.rows;
    if (this.#arena === null || isGrown || !this.#passes.has(name)) {
      const asked = { name, pass, layer };
      // Beside what was planned before where there is room for both, else in its place.
      const lacksTogether = await this.#plan(asked, bucket, isGrown ? [] : [...this.#passes], isGrown ? [...this.#passes] : []);
      const lacks = lacksTogether && (await this.#plan(asked, wanted, [], []));
      if (lacks) throw await this.#refusal(asked, wanted, lacks);
    }
    const arena = this.#arena!;
    arena.begin([...this.#passes.keys()].indexOf(name));
    return { seal: () => arena.seal(), leaveReading: () => undefined, end: () => arena.end() };
  }

  configure(adapter: AdapterConfig): void {
    this.#adapter = adapter;
    this.#tooMuch.clear();
    this.#forget();
  }

  /** Gives the arena back, and with it what it was planned for. */
  #forget(): void {
    this.#arena?.release();
    this.#arena = null;
    this.#passes = new Map();
    this.#bucket = { tokens: 0, rows: 0 };
  }

  async #rehearsed(pass: Pass, layer: number | null, bucket: StepBucket): Promise<PlannedPass> {
    return { pass, layer, trace: await this.rehearse(this.#adapter, pass, fullestInput(bucket, layer, this.shape)) };
  }

  /** What a layout would take and what there is; what is held for the last one has to be given back before. */
  #roomFor(layout: StepLayout): Room {
    const inOnePiece = { neededBytes: layout.largestBytes, availableBytes: this.steps.largestBufferBytes };
    const inAll = { neededBytes: this.steps.heldBytes + layout.sizeBytes, availableBytes: Math.min(this.limits.budgetBytes, this.steps.limitBytes) };
    return inAll.neededBytes <= inAll.availableBytes && inOnePiece.neededBytes > inOnePiece.availableBytes ? inOnePiece : inAll;
  }

  /** Takes an arena for a pass and others, of which `kept` have been rehearsed for the bucket; null once it is taken, or what there would have to be. */
  async #plan({ name, pass, layer }: AskedPass, bucket: StepBucket, kept: readonly (readonly [string, PlannedPass])[], others: readonly (readonly [string, PlannedPass])[]): Promise<Room | null> {
    const passes = new Map<string, PlannedPass>(kept);
    const what = [...new Set([...[...kept, ...others].map(([other]) => other), name])].sort().concat(`${bucket.tokens} ${bucket.rows}`).join();
    const known = this.#tooMuch.get(what);
    if (known) return known;
    for (const [other, planned] of others) passes.set(other, await this.#rehearsed(planned.pass, planned.layer, bucket));
    if (!passes.has(name)) passes.set(name, await this.#rehearsed(pass, layer, bucket));
    const layout = this.steps.layout([...passes.values()].map(({ trace }) => trace));
    this.#forget();
    const room = this.#roomFor(layout);
    if (room.neededBytes > room.availableBytes) {
      this.#tooMuch.set(what, room);
      return room;
    }
    this.#arena = layout.take();
    this.#passes = passes;
    this.#bucket = bucket;
    return null;
  }

  /** Why a pass cannot be made at that size. For a single row, which cannot be cut, with the longest that could. */
  async #refusal({ pass, layer }: AskedPass, bucket: StepBucket, lacks: Room): Promise<BedsideError> {
    const refused = { ...lacks, tokens: bucket.tokens };
    if (bucket.rows > 1) return stepTooLarge({ ...refused, fittingTokens: null });
    this.#forget();
    const sizes = smallerBuckets(bucket.tokens);
    let [low, high] = [0, sizes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { trace } = await this.#rehearsed(pass, layer, { tokens: sizes[middle]!, rows: 1 });
      const { neededBytes, availableBytes } = this.#roomFor(this.steps.layout([trace]));
      if (neededBytes <= availableBytes) low = middle + 1;
      else high = middle;
    }
    return stepTooLarge({ ...refused, fittingTokens: low > 0 ? sizes[low - 1]! : null });
  }
}
