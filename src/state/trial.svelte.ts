import type { BedsideService, FileReading, LabelledFile, Prediction, Progress, RunSummary } from '../shell/bedside.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';
import { Loaded } from './loaded.svelte.ts';
import { TimeLeft } from './time-left.ts';

/** A file of notes on its way through a model. Cancelled with rows labelled, it is `done` with fewer `rows` than the `total`; its table holds them all. */
export type FileTrial =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy'; readonly fileName: string; readonly runNumber: number; readonly progress: Progress; readonly secondsLeft: number | null; readonly isCancelling: boolean }
  | { readonly kind: 'done'; readonly fileName: string; readonly runNumber: number; readonly rows: number; readonly total: number; readonly table: LabelledFile['table']; readonly reading: FileReading }
  | { readonly kind: 'cancelled'; readonly fileName: string }
  | { readonly kind: 'failed'; readonly fileName: string; readonly failure: Failure };

/** Trying a model: one pasted note, or a file. Nothing of either is saved; a file goes on while other pages of its project are looked at. */
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

  async classifyFile({ id: runId, number: runNumber }: Pick<RunSummary, 'id' | 'number'>, file: File): Promise<void> {
    this.clearFile();
    const abort = new AbortController();
    this.#abort = abort;
    const fileName = file.name;
    const timeLeft = new TimeLeft();
    this.#file = { kind: 'busy', fileName, runNumber, progress: { done: 0, total: 0 }, secondsLeft: null, isCancelling: false };
    try {
      const { table, done, total, reading } = await this.#service.classifyFile(this.#projectId, runId, file, (progress) => {
        const secondsLeft = timeLeft.tell(progress, performance.now());
        if (this.#abort === abort) this.#file = { kind: 'busy', fileName, runNumber, progress, secondsLeft, isCancelling: abort.signal.aborted };
      }, abort.signal);
      if (this.#abort === abort) this.#file = { kind: 'done', fileName, runNumber, rows: done, total, table, reading };
    } catch (error) {
      if (this.#abort === abort) this.#file = isCancelled(error) ? { kind: 'cancelled', fileName } : { kind: 'failed', fileName, failure: toFailure(error) };
    }
  }

  /** Ends the file after the rows in hand; those that are labelled can be saved. */
  cancel(): void {
    this.#abort?.abort();
    if (this.#file.kind === 'busy') this.#file = { ...this.#file, isCancelling: true };
  }

  /** Ends the file and forgets what came of it. */
  clearFile(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#file = { kind: 'none' };
  }

  forget(): void {
    this.clearFile();
    this.prediction.clear();
  }
}
