/** What the engines of a bench have in common, whoever wrote them. */

export type Backend = 'wasm' | 'webgpu';

/** The work of a step. Rows are real text, cut to these lengths. */
export interface WorkSpec {
  /** Tokens of each row. */
  readonly lengths: readonly number[];
  /** Encoder layers that carry LoRA; null for all. */
  readonly loraLayers: readonly number[] | null;
}

export type ModelName = 'minilm' | 'bert-base';

export interface WorkerOptions {
  readonly backend: Backend;
  readonly model: ModelName;
  readonly work: WorkSpec;
  /** What else a worker of this kind needs to know, e.g. which file. */
  readonly variant?: string;
}

/**
 * What can be measured:
 * `step` the clipped sum of per-example gradients, [P]; `step-unclipped` the same without the clip; `step-summed` the gradient of the batch, no example apart from the others;
 * `forward` the last hidden states, [T, D]; `encode` their means by row, [B, D]; `breakdown` one step by operation; `variants` the candidates of every choice of kernels; `head` a private head on cached features; `cold` start to first embedding.
 */
export type Task = 'step' | 'step-unclipped' | 'step-summed' | 'forward' | 'encode' | 'breakdown' | 'variants' | 'head' | 'cold' | 'reference';

export interface Measured {
  readonly elapsedMs: number;
  readonly values: Float32Array;
  /** Other numbers that were counted on the way, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Begins the names of counts that are launches, by kernel, of the longest submission of the last step. */
export const inLongest = 'in the longest: ';

/** Every worker of the bench. */
export interface BenchWorker {
  /** Loads everything; answers with the device in words. */
  open(options: WorkerOptions): Promise<string>;
  measure(task: Task): Promise<Measured>;
}

export type WorkerKind = 'ours' | 'submissions' | 'overlap' | 'cold' | 'tfjs' | 'jax' | 'ort' | 'transformers';

/** The measured numbers without the values, which stay in the page. */
export type Figures = Omit<Measured, 'values'>;

/** The page's side, called from Node. An id names one worker. */
export interface BenchPage {
  open(id: string, kind: WorkerKind, options: WorkerOptions): Promise<string>;
  measure(id: string, task: Task): Promise<Figures>;
  /** All at once; milliseconds from the first call to the last answer. */
  measureTogether(ids: readonly string[], task: Task): Promise<number>;
  /** |found - wanted| / |wanted| over the first `length` values of what two workers gave last. */
  difference(found: string, wanted: string, length?: number): { readonly relative: number; readonly wantedNorm: number; readonly length: number };
  /** What a worker gave last, as float32 in base64. */
  values(id: string): string;
  close(id: string): void;
  readonly userAgent: string;
}
