import type { RunMessage } from './bedside.service.ts';

/**
 * Passes a run's messages on: progress on a clock of its own, always the latest, and anything else at once and after it.
 * The clock begins with the run and knows nothing of its steps, so that no message tells when one ended.
 */
export class MessageThrottle {
  readonly #send: (message: RunMessage) => void;
  readonly #periodMs: number;
  readonly #beganAtMs = performance.now();
  #waiting: RunMessage | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(send: (message: RunMessage) => void, periodMs: number) {
    this.#send = send;
    this.#periodMs = periodMs;
  }

  push(message: RunMessage): void {
    if (message.kind !== 'progress') {
      this.#flush();
      this.#send(message);
      return;
    }
    this.#waiting = message;
    this.#timer ??= setTimeout(() => this.#flush(), this.#periodMs - ((performance.now() - this.#beganAtMs) % this.#periodMs));
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#waiting) return;
    this.#send(this.#waiting);
    this.#waiting = null;
  }
}
