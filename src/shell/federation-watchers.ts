import type { FederationMembership } from './federation.service.ts';

type Listener = (membership: FederationMembership | null) => void;

/** Whoever is told how a membership stands: one telling after the other, and what changes meanwhile is told once more. */
export class MembershipWatchers {
  readonly #listeners = new Map<string, Listener>();
  readonly #view: () => Promise<FederationMembership | null>;
  #telling: Promise<void> | null = null;
  #isTellingAgain = false;

  constructor(view: () => Promise<FederationMembership | null>) {
    this.#view = view;
  }

  get isAnybodyThere(): boolean {
    return this.#listeners.size > 0;
  }

  /** Adds a listener, and tells it at once. */
  async add(name: string, listener: Listener): Promise<void> {
    this.#listeners.set(name, listener);
    listener(await this.#view());
  }

  remove(name: string): void {
    this.#listeners.delete(name);
  }

  clear(): void {
    this.#listeners.clear();
  }

  tell(): Promise<void> {
    this.#isTellingAgain = this.#telling !== null;
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = null));
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    do {
      this.#isTellingAgain = false;
      if (!this.isAnybodyThere) return;
      // What cannot be read now is told with the next change.
      const view = await this.#view().catch(() => undefined);
      if (view !== undefined) for (const listener of this.#listeners.values()) listener(view);
    } while (this.#isTellingAgain);
  }
}
