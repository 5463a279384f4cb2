import type { BedsideService, Prediction, Progress } from '../shell/bedside.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';
import { Loaded } from './loaded.svelte.ts';

/** A file of notes on its way through a model. */
export type FileTrial =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy'; readonly fileName: string; readonly progress: Progress }
  | { readonly kind: 'done'; readonly fileName: string; readonly rows: number; readonly table: Blob }
  | { readonly kind: 'failed'; readonly fileName: string; readonly failure: Failure };

/** Trying a model: one pasted note, or a file. Nothing of either is kept. */
export class TrialState {
  readonly prediction = new Loaded<Prediction>();
  readonly #service: BedsideService;
  readonly #projectId: string;
  #file = $state.raw<FileTrial>({ kind: 'none' });
  #abort: AbortController | null = null;

  constructor(service: BedsideService, projectId: string) {
    this.#service = service;
    this.#projectId = projectId;
  }

  get file(): FileTrial { return this.#file; }

  async classify(runId: string, text: string): Promise<Prediction | null> {
    return this.prediction.load(() => this.#service.classify(this.#projectId, runId, text));
  }

  async classifyFile(runId: string, file: File): Promise<void> {
    this.cancel();
    const abort = new AbortController();
    this.#abort = abort;
    let rows = 0;
    this.#file = { kind: 'busy', fileName: file.name, progress: { done: 0, total: 0 } };
    try {
      const table = await this.#service.classifyFile(this.#projectId, runId, file, (progress) => {
        rows = progress.total;
        if (this.#abort === abort) this.#file = { kind: 'busy', fileName: file.name, progress };
      }, abort.signal);
      if (this.#abort === abort) this.#file = { kind: 'done', fileName: file.name, rows, table };
    } catch (error) {
      if (this.#abort === abort) this.#file = isCancelled(error) ? { kind: 'none' } : { kind: 'failed', fileName: file.name, failure: toFailure(error) };
    }
  }

  cancel(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#file = { kind: 'none' };
  }

  forget(): void {
    this.cancel();
    this.prediction.clear();
  }
}
