import type { FederationService, ProjectorView } from '../shell/federation.service.ts';
import { Loaded } from './loaded.svelte.ts';

/** Between two looks while a round goes on or people come in, and where nothing will change soon. */
const [busyMs, idleMs] = [2000, 10_000];

/** What a room sees on its wall. */
export class ProjectorState {
  readonly view = new Loaded<ProjectorView>();
  readonly #service: FederationService;
  readonly #token: string;

  constructor(service: FederationService, token: string) {
    this.#service = service;
    this.#token = token;
  }

  async refresh(): Promise<void> {
    if (!this.view.isBusy) await this.view.load(() => this.#service.projector(this.#token));
  }

  /** Milliseconds to the next look. */
  get pauseMs(): number {
    const state = this.view.value?.status.state;
    return this.view.failure || state === 'finished' || state === 'failed' ? idleMs : busyMs;
  }
}
