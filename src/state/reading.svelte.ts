import type { BedsideService, Progress, ProjectSummary } from '../shell/bedside.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';

export type ReadingView =
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading'; readonly fileName: string; readonly progress: Progress }
  | { readonly kind: 'failed'; readonly fileName: string; readonly failure: Failure };

/** A file being read into a project; can be cancelled. */
export class ReadingState {
  readonly #service: BedsideService;
  #view = $state.raw<ReadingView>({ kind: 'idle' });
  #abort: AbortController | null = null;

  constructor(service: BedsideService) {
    this.#service = service;
  }

  get view(): ReadingView { return this.#view; }

  /** Resolves with the new project, or null where the file failed or the person cancelled. */
  read(file: File): Promise<ProjectSummary | null> {
    const abort = new AbortController();
    this.#abort = abort;
    return this.#run(file.name, () => this.#service.readFile(file, (progress) => {
      if (!abort.signal.aborted) this.#view = { kind: 'reading', fileName: file.name, progress };
    }, abort.signal));
  }

  openSample(): Promise<ProjectSummary | null> {
    return this.#run('', () => this.#service.openSample());
  }

  importProject(file: File, mayExhaust = false): Promise<ProjectSummary | null> {
    return this.#run(file.name, () => this.#service.importProject(file, mayExhaust));
  }

  cancel(): void {
    this.#abort?.abort();
    this.#view = { kind: 'idle' };
  }

  async #run(fileName: string, work: () => Promise<ProjectSummary>): Promise<ProjectSummary | null> {
    this.#view = { kind: 'reading', fileName, progress: { done: 0, total: 0 } };
    try {
      const summary = await work();
      this.#view = { kind: 'idle' };
      return summary;
    } catch (error) {
      this.#view = isCancelled(error) ? { kind: 'idle' } : { kind: 'failed', fileName, failure: toFailure(error) };
      return null;
    }
  }
}
