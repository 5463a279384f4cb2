import type { PrivacyStatement } from '../privacy/statement.ts';
import type { BedsideService, RunHandle, RunMessage, RunProgress, RunSummary } from '../shell/bedside.service.ts';
import type { Plan } from '../training/plan.ts';
import { toFailure, type Failure } from './failure.ts';
import { TimeLeft } from './time-left.ts';

/** A run as the Train page sees it. What cannot be together has no type. */
export type RunView =
  | { readonly kind: 'none' }
  | { readonly kind: 'starting'; readonly plan: Plan }
  | { readonly kind: 'running'; readonly plan: Plan; readonly progress: RunProgress; readonly asked: 'pause' | 'stop' | null }
  | { readonly kind: 'paused'; readonly plan: Plan; readonly progress: RunProgress; readonly asked: 'resume' | 'stop' | null; readonly failure: Failure | null }
  | { readonly kind: 'finished'; readonly plan: Plan; readonly run: RunSummary; readonly statement: PrivacyStatement; readonly progress: RunProgress | null }
  | { readonly kind: 'stopped'; readonly plan: Plan; readonly run: RunSummary; readonly reason: 'asked' | 'budget'; readonly statement: PrivacyStatement; readonly progress: RunProgress | null }
  | { readonly kind: 'failed'; readonly plan: Plan; readonly failure: Failure; readonly progress: RunProgress | null };

/** The run that this page started or resumed, and the three things one can do to it. */
export class CurrentRun {
  readonly #service: Pick<BedsideService, 'startRun' | 'resumeRun'>;
  readonly #projectId: string;
  readonly #onEnd: () => void;
  #view = $state.raw<RunView>({ kind: 'none' });
  #handle: Promise<RunHandle> | null = null;
  #spentBefore = $state<number | null>(null);
  #announced = $state(0);
  #readingLeft: TimeLeft | null = null;
  #readingSecondsLeft = $state<number | null>(null);

  constructor(service: Pick<BedsideService, 'startRun' | 'resumeRun'>, projectId: string, onEnd: () => void) {
    this.#service = service;
    this.#projectId = projectId;
    this.#onEnd = onEnd;
  }

  get view(): RunView { return this.#view; }
  get isActive(): boolean { return this.#view.kind === 'starting' || this.#view.kind === 'running' || this.#view.kind === 'paused'; }
  get progress(): RunProgress | null { return 'progress' in this.#view ? this.#view.progress : null; }

  /** Seconds until every note is read; null where it cannot be told, and outside that phase. */
  get readingSecondsLeft(): number | null { return this.#readingSecondsLeft; }

  /** Worst unit's epsilon before this run; null where it cannot be told, as after a resume beside other runs. */
  get spentBefore(): number | null { return this.#spentBefore; }

  /** The number it was announced with, until the run says its own: another tab may have started one meanwhile. */
  get number(): number {
    if (this.#view.kind === 'finished' || this.#view.kind === 'stopped') return this.#view.run.number;
    return this.progress?.runNumber ?? this.#announced;
  }

  start(plan: Plan, spentBefore: number | null, number: number): Promise<void> {
    if (!this.isActive) [this.#spentBefore, this.#announced] = [spentBefore, number];
    return this.#begin(plan, (listen) => this.#service.startRun(this.#projectId, plan, listen));
  }

  resumeInterrupted(run: RunSummary, spentBefore: number | null): Promise<void> {
    if (!this.isActive) [this.#spentBefore, this.#announced] = [spentBefore, run.number];
    return this.#begin(run.plan, (listen) => this.#service.resumeRun(this.#projectId, run.id, listen));
  }

  pause(): Promise<void> {
    return this.#ask('pause', (handle) => handle.pause());
  }

  resume(): Promise<void> {
    return this.#ask('resume', (handle) => handle.resume());
  }

  stop(): Promise<void> {
    return this.#ask('stop', (handle) => handle.stop());
  }

  /** Back to the plan, once the end has been seen. */
  clear(): void {
    if (!this.isActive) this.#view = { kind: 'none' };
  }

  async #begin(plan: Plan, begin: (listen: (message: RunMessage) => void) => Promise<RunHandle>): Promise<void> {
    if (this.isActive) return;
    this.#view = { kind: 'starting', plan };
    try {
      this.#handle = begin((message) => this.#hear(plan, message));
      await this.#handle;
    } catch (error) {
      this.#fail(plan, toFailure(error));
    }
  }

  async #ask(what: 'pause' | 'resume' | 'stop', act: (handle: RunHandle) => Promise<void>): Promise<void> {
    const view = this.#view;
    if (view.kind === 'running' && what !== 'resume') this.#view = { ...view, asked: what };
    else if (view.kind === 'paused' && what !== 'pause') this.#view = { ...view, asked: what };
    else return;
    try {
      if (this.#handle) await act(await this.#handle);
    } catch (error) {
      this.#fail(view.plan, toFailure(error));
    }
  }

  #hear(plan: Plan, message: RunMessage): void {
    const asked = this.#view.kind === 'running' ? this.#view.asked : null;
    this.#timeReading(message);
    if (message.kind === 'progress') this.#view = { kind: 'running', plan, progress: message.progress, asked };
    else if (message.kind === 'paused') this.#view = { kind: 'paused', plan, progress: message.progress, asked: null, failure: message.failure ?? null };
    else if (message.kind === 'failed') this.#fail(plan, { code: message.code, message: message.message, hint: message.hint, values: message.values });
    else {
      const progress = this.progress;
      this.#view = message.kind === 'finished' ? { kind: 'finished', plan, run: message.run, statement: message.statement, progress } : { kind: 'stopped', plan, run: message.run, reason: message.reason, statement: message.statement, progress };
      this.#end();
    }
  }

  /** A pause, and any other phase, begins the timing anew. */
  #timeReading(message: RunMessage): void {
    const reading = message.kind === 'progress' && message.progress.phase === 'features' ? message.progress.phaseProgress : null;
    this.#readingLeft = reading ? (this.#readingLeft ?? new TimeLeft()) : null;
    this.#readingSecondsLeft = reading && this.#readingLeft ? this.#readingLeft.tell(reading, performance.now()) : null;
  }

  #fail(plan: Plan, failure: Failure): void {
    this.#view = { kind: 'failed', plan, failure, progress: this.progress };
    this.#end();
  }

  #end(): void {
    this.#handle = null;
    this.#onEnd();
  }
}
