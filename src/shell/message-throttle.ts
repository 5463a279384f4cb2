import type { RunMessage } from './bedside.service.ts';

const shortestGapMs = 250;

/** Passes a run's messages on: progress at most four times a second and always the latest, anything else at once and after it. */
export class MessageThrottle {
  readonly #send: (message: RunMessage) => void;
  #waiting: RunMessage | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #sentAtMs = -Infinity;

  constructor(send: (message: RunMessage) => void) {
    this.#send = send;
  }

  push(message: RunMessage): void {
    if (message.kind !== 'progress') {
      this.#flush();
      this.#send(message);
      return;
    }
    this.#waiting = message;
    const gapMs = performance.now() - this.#sentAtMs;
    if (gapMs >= shortestGapMs) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), shortestGapMs - gapMs);
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#waiting) return;
    this.#send(this.#waiting);
    this.#waiting = null;
    this.#sentAtMs = performance.now();
  }
}
