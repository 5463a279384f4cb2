import { untrack } from 'svelte';

/** A short word after something was done. `undo` takes it back. */
export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly action: { readonly label: string; readonly run: () => void } | null;
}

/** Toasts, and the one sentence that the page's status region says. */
export class NoticesState {
  #toasts = $state.raw<readonly Toast[]>([]);
  #announcement = $state('');
  #next = 1;

  get toasts(): readonly Toast[] { return this.#toasts; }
  get announcement(): string { return this.#announcement; }

  say(text: string, action: Toast['action'] = null): void {
    this.#toasts = [...untrack(() => this.#toasts).slice(-2), { id: this.#next++, text, action }];
    this.announce(text);
  }

  dismiss(id: number): void {
    this.#toasts = this.#toasts.filter((toast) => toast.id !== id);
  }

  clear(): void {
    this.#toasts = [];
  }

  /** Spoken, not shown. A repeated sentence differs by a no-break space, or it would not be spoken again. An effect that says something does not depend on what was said. */
  announce(text: string): void {
    this.#announcement = untrack(() => this.#announcement) === text ? `${text}\u00a0` : text;
  }
}
