import type { AuditProgress, AuditReport, BedsideService } from '../shell/bedside.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';
import { TimeLeft } from './time-left.ts';

/** An attack on models of a project's own notes. */
export type Attack =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy'; readonly epsilon: number; readonly progress: AuditProgress | null; readonly secondsLeft: number | null }
  | { readonly kind: 'done'; readonly report: AuditReport }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** The attack lab. What it finds is saved nowhere; it goes on while other pages of its project are looked at. */
export class LabState {
  readonly #service: BedsideService;
  readonly #projectId: string;
  #attack = $state.raw<Attack>({ kind: 'none' });
  #abort: AbortController | null = null;

  constructor(service: BedsideService, projectId: string) {
    this.#service = service;
    this.#projectId = projectId;
  }

  get attack(): Attack { return this.#attack; }

  async start(epsilon: number): Promise<void> {
    this.forget();
    const abort = new AbortController();
    this.#abort = abort;
    let [timeLeft, phase] = [new TimeLeft(), ''];
    this.#attack = { kind: 'busy', epsilon, progress: null, secondsLeft: null };
    try {
      const report = await this.#service.audit(this.#projectId, { epsilon }, (progress) => {
        if (this.#abort !== abort) return;
        if (progress.phase !== phase) [timeLeft, phase] = [new TimeLeft(), progress.phase];
        this.#attack = { kind: 'busy', epsilon, progress, secondsLeft: timeLeft.tell(progress, performance.now()) };
      }, abort.signal);
      if (this.#abort === abort) this.#attack = { kind: 'done', report };
    } catch (error) {
      if (this.#abort === abort) this.#attack = isCancelled(error) ? { kind: 'cancelled' } : { kind: 'failed', failure: toFailure(error) };
    }
  }

  cancel(): void {
    this.#abort?.abort();
  }

  /** Ends an attack that goes on, and forgets what one found: the notes are others now, or the project is closed. */
  forget(): void {
    const abort = this.#abort;
    this.#abort = null;
    abort?.abort();
    this.#attack = { kind: 'none' };
  }
}
