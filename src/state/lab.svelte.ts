import type { AuditForecast, AuditOptions, AuditProgress, AuditReport, BedsideService } from '../shell/bedside.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';
import { Loaded } from './loaded.svelte.ts';
import { TimeLeft } from './time-left.ts';

/** An attack on models of a project's own notes. */
export type Attack =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy'; readonly options: AuditOptions; readonly progress: AuditProgress | null; readonly secondsLeft: number | null; readonly isPaused: boolean }
  | { readonly kind: 'done'; readonly report: AuditReport }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** The attack lab. What it finds is saved nowhere; it goes on while other pages of its project are looked at. */
export class LabState {
  readonly #service: BedsideService;
  readonly #projectId: string;
  #attack = $state.raw<Attack>({ kind: 'none' });
  #abort: AbortController | null = null;
  #timeLeft = new TimeLeft();
  /** What an attack would take, before it begins. */
  readonly forecast = new Loaded<AuditForecast>();

  constructor(service: BedsideService, projectId: string) {
    this.#service = service;
    this.#projectId = projectId;
  }

  get attack(): Attack { return this.#attack; }

  async foresee(options: AuditOptions): Promise<void> {
    this.forecast.clear();
    await this.forecast.load(() => this.#service.auditForecast(this.#projectId, options));
  }

  async start(options: AuditOptions): Promise<void> {
    this.forget();
    const abort = new AbortController();
    this.#abort = abort;
    this.#timeLeft = new TimeLeft();
    let phase = '';
    this.#attack = { kind: 'busy', options, progress: null, secondsLeft: null, isPaused: false };
    try {
      const report = await this.#service.audit(this.#projectId, options, (progress) => {
        if (this.#abort !== abort || this.#attack.kind !== 'busy') return;
        if (progress.phase !== phase) [this.#timeLeft, phase] = [new TimeLeft(), progress.phase];
        const { isPaused } = this.#attack;
        const done = progress.share === undefined ? progress : { done: progress.share, total: 1 };
        this.#attack = { kind: 'busy', options, progress, secondsLeft: isPaused ? null : this.#timeLeft.tell(done, performance.now()), isPaused };
      }, abort.signal);
      if (this.#abort === abort) this.#attack = { kind: 'done', report };
    } catch (error) {
      if (this.#abort === abort) this.#attack = isCancelled(error) ? { kind: 'cancelled' } : { kind: 'failed', failure: toFailure(error) };
    }
  }

  /** The attack stands still between two steps, and its notes and models stay where they are. */
  async pause(isPaused: boolean): Promise<void> {
    if (this.#attack.kind !== 'busy') return;
    // Its pace is that of work alone.
    this.#timeLeft = new TimeLeft();
    this.#attack = { ...this.#attack, isPaused, secondsLeft: null };
    await this.#service.pauseAudit(isPaused);
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
