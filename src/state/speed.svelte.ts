import type { BedsideService, Progress, SpeedReport } from '../shell/bedside.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';

/** How fast this device is: the last measurement, and one that goes on, also while other pages are looked at. */
export class SpeedState {
  readonly #service: BedsideService;
  #report = $state.raw<SpeedReport | null>(null);
  #progress = $state.raw<Progress | null>(null);
  #failure = $state.raw<Failure | null>(null);
  #abort: AbortController | null = null;

  constructor(service: BedsideService) {
    this.#service = service;
  }

  get report(): SpeedReport | null { return this.#report; }
  /** Null while nothing is measured. */
  get progress(): Progress | null { return this.#progress; }
  get failure(): Failure | null { return this.#failure; }

  /** The last measurement, its energy by the settings of now. */
  async load(): Promise<void> {
    if (this.#abort) return;
    try {
      const report = await this.#service.speed();
      if (!this.#abort) this.#report = report;
    } catch (error) {
      this.#failure = toFailure(error);
    }
  }

  async measure(): Promise<void> {
    if (this.#abort) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.#failure = null;
    this.#progress = { done: 0, total: 0 };
    try {
      this.#report = await this.#service.measureSpeed((progress) => { if (this.#abort === abort) this.#progress = progress; }, abort.signal);
    } catch (error) {
      if (!isCancelled(error)) this.#failure = toFailure(error);
    } finally {
      this.#abort = null;
      this.#progress = null;
    }
  }

  cancel(): void {
    this.#abort?.abort();
  }
}
