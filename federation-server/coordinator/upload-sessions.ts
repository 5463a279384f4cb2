import { emptyMetricsId } from './checked-reply.ts';

interface Announced {
  readonly messageId: string;
  readonly ids: ReadonlySet<string>;
  /** Which the SuperLink opened for it; null where its answer did not come. */
  readonly sessionId: string | null;
}

/**
 * The session of each key's last reply. A node that has lost the answer with its session's name sends an empty one, which the SuperLink takes for whichever session
 * waits for the object, of whichever node: somebody who stores the object that all updates share there would use up the place of another's.
 */
export class UploadSessions {
  readonly #last = new Map<string, Announced>();

  /** A reply is about to be announced; the same once more keeps its session. */
  announce(keyHash: string, messageId: string, ids: readonly string[]): void {
    if (this.#last.get(keyHash)?.messageId !== messageId) this.#last.set(keyHash, { messageId, ids: new Set(ids), sessionId: null });
  }

  /** The SuperLink waits for objects of it, in this session alone. */
  open(keyHash: string, messageId: string, sessionId: string): void {
    const last = this.#last.get(keyHash);
    if (last?.messageId === messageId) this.#last.set(keyHash, { ...last, sessionId });
  }

  /**
   * Where an object goes that names no session; null: nowhere. Empty where none is known, and the object cannot be another's: not the one that all updates share,
   * and none of an instruction (`isGiven`), which the ServerApp may still be sending.
   */
  sessionOf(keyHash: string, objectId: string, isGiven: (objectId: string) => boolean): string | null {
    const last = this.#last.get(keyHash);
    if (last === undefined || !last.ids.has(objectId)) return null;
    if (last.sessionId !== null) return last.sessionId;
    return objectId === emptyMetricsId || isGiven(objectId) ? null : '';
  }
}
