import { untrack } from 'svelte';
import { toFailure, type Failure } from './failure.ts';

/** What is known of a value that comes from behind the boundary. The last value stays while a new one is fetched. */
export type Loadable<T> =
  | { readonly kind: 'idle'; readonly value: null }
  | { readonly kind: 'busy'; readonly value: T | null }
  | { readonly kind: 'ready'; readonly value: T }
  | { readonly kind: 'failed'; readonly value: T | null; readonly failure: Failure };

/** Holds one such value; an answer that a later question overtook is dropped. */
export class Loaded<T> {
  #state = $state.raw<Loadable<T>>({ kind: 'idle', value: null });
  #ticket = 0;

  get state(): Loadable<T> {
    return this.#state;
  }

  get value(): T | null {
    return this.#state.value;
  }

  get failure(): Failure | null {
    return this.#state.kind === 'failed' ? this.#state.failure : null;
  }

  get isBusy(): boolean {
    return this.#state.kind === 'busy';
  }

  /** Resolves with the value, or null where it failed or was overtaken. */
  async load(work: () => Promise<T>): Promise<T | null> {
    const ticket = ++this.#ticket;
    // A question asked inside an effect must not make the effect depend on the answer.
    this.#state = { kind: 'busy', value: untrack(() => this.#state.value) };
    try {
      const value = await work();
      if (ticket !== this.#ticket) return null;
      this.#state = { kind: 'ready', value };
      return value;
    } catch (error) {
      if (ticket === this.#ticket) this.#state = { kind: 'failed', value: untrack(() => this.#state.value), failure: toFailure(error) };
      return null;
    }
  }

  /** Takes up what `work` brings without being busy meanwhile: what is shown stays. Something that is being loaded goes before it. */
  async replace(work: () => Promise<T>): Promise<void> {
    const ticket = this.#ticket;
    const isOvertaken = () => ticket !== this.#ticket || untrack(() => this.isBusy);
    try {
      const value = await work();
      if (!isOvertaken()) this.set(value);
    } catch (error) {
      if (!isOvertaken()) this.#state = { kind: 'failed', value: untrack(() => this.#state.value), failure: toFailure(error) };
    }
  }

  set(value: T): void {
    this.#ticket += 1;
    this.#state = { kind: 'ready', value };
  }

  clear(): void {
    this.#ticket += 1;
    this.#state = { kind: 'idle', value: null };
  }
}
