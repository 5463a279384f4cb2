import { createHash } from 'node:crypto';
import type { PolicyLog } from './policy-log.ts';
import type { Seats } from './seats.ts';
import { UNREGISTERED, type SuperLinkNodes } from './superlink-nodes.ts';

const AGAIN_MS = 5000;

export interface DeparturesParts {
  readonly seats: Seats;
  readonly nodes: SuperLinkNodes;
  readonly log: PolicyLog;
  readonly onLeft: (keyHash: string) => void;
  readonly againMs?: number;
}

/**
 * Members that leave. Their seat is closed at once and durably, which alone keeps their key out; that the SuperLink no longer counts on
 * their node follows, as soon as it answers. What is open is told by the two lists alone, so that a restart forgets none.
 */
export class Departures {
  readonly #parts: DeparturesParts;
  #running: Promise<void> | null = null;
  #isAskedAgain = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isClosed = false;

  constructor(parts: DeparturesParts) {
    this.#parts = parts;
  }

  /** Closes the seat of a key; nothing happens where that was done before. @throws Refusal `not-enrolled`. */
  leave(keyHash: string): void {
    const { seats, log, onLeft } = this.#parts;
    if (!seats.leave(keyHash)) return;
    onLeft(keyHash);
    log.event('left', keyHash);
    void this.settle();
  }

  /** Takes every node off the SuperLink's list whose seat is closed; tries again later where that fails. Never rejects. */
  settle(): Promise<void> {
    this.#isAskedAgain = this.#running !== null;
    this.#running ??= this.#settleAll().finally(() => (this.#running = null));
    return this.#running;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #settleAll(): Promise<void> {
    const { seats, nodes, log } = this.#parts;
    try {
      let isOpen: boolean;
      do {
        this.#isAskedAgain = isOpen = false;
        for (const { nodeId, status, publicKey } of await nodes.list()) {
          const keyHash = createHash('sha256').update(publicKey).digest('hex');
          if (status === UNREGISTERED || !seats.hasLeft(keyHash)) continue;
          try {
            await nodes.unregister(nodeId);
            log.event('unregistered', keyHash);
          } catch {
            // One that it will not let go holds up no other.
            isOpen = true;
          }
        }
      } while (this.#isAskedAgain);
      if (isOpen) this.#tryLater();
    } catch {
      // Of a SuperLink that is starting, or has died and is started again.
      this.#tryLater();
    }
  }

  #tryLater(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.settle(), this.#parts.againMs ?? AGAIN_MS);
    this.#timer.unref();
  }
}
