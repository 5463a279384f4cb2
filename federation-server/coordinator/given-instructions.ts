import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode } from '../../src/federation/codec/decode.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { idsOfTree } from '../../src/federation/object-store.ts';

/** Two rounds of the largest federation; only those whose objects are still on their way matter. */
const MOST = 20_000;
/** Objects of an instruction: 5 GB in chunks. */
const MOST_OBJECTS = 1000;

interface Given {
  /** Unix seconds by the clock of this machine. */
  readonly madeAtSeconds: number;
  /** Whether its root has been handed out. The ServerApp sends objects once all instructions of the round are on the list. */
  readonly isSent: boolean;
}

/** Instructions that were given out. Learnt here, because a node can name and answer only what it was given. */
export class GivenInstructions {
  readonly #given = new Map<string, Given>();
  /** All objects under them. */
  readonly #objects = new Set<string>();
  readonly #runs = new Set<bigint>();

  /** Whether this is the id of one, which no answer may have. */
  has(messageId: string): boolean {
    return this.#given.has(messageId);
  }

  /** Whether an object belongs to one. */
  hasObject(objectId: string): boolean {
    return this.#objects.has(objectId);
  }

  /** Whether one of this run was given out. Of a run that it does not know the SuperLink writes pages into its log. */
  hasRun(runId: bigint): boolean {
    return this.#runs.has(runId);
  }

  /** Whether this one was given out, and made since then. */
  isSince(messageId: string, sinceSeconds: number): boolean {
    return (this.#given.get(messageId)?.madeAtSeconds ?? -Infinity) >= sinceSeconds;
  }

  /** Whether its own object was handed out: before that its round may still be on its way to the SuperLink, of which whoever answers or confirms could stop the rest. */
  isSent(messageId: string): boolean {
    return this.#given.get(messageId)?.isSent === true;
  }

  /** Reads an answer of `pull-object` for an object that is an instruction's own. @throws where it is none. */
  learnObject(messageId: string, answer: Uint8Array): void {
    const given = this.#given.get(messageId);
    if (given === undefined || !decode(endpoints.pullObject.answer, answer, endpoints.pullObject.maximumAnswerBytes).isAvailable) return;
    this.#given.set(messageId, { ...given, isSent: true });
  }

  /** Reads an answer of `pull-messages`. @throws where it is none. */
  learn(answer: Uint8Array): void {
    const { messages, trees } = decode(endpoints.pullMessages.answer, answer, endpoints.pullMessages.maximumAnswerBytes);
    for (const tree of trees) {
      this.#add(tree.objectId, -Infinity);
      for (const id of idsOfTree(tree, MOST_OBJECTS) ?? []) keepLast(this.#objects, id);
    }
    for (const { metadata } of messages) {
      if (metadata === undefined) continue;
      this.#add(metadata.messageId, metadata.createdAtSeconds);
      keepLast(this.#runs, metadata.runId);
    }
  }

  #add(id: string, madeAtSeconds: number): void {
    this.#given.set(id, { madeAtSeconds, isSent: this.isSent(id) });
    if (this.#given.size > MOST) this.#given.delete(this.#given.keys().next().value!);
  }
}

/** Adds as the newest; the oldest goes where there are too many. */
function keepLast<Id>(ids: Set<Id>, id: Id): void {
  ids.delete(id);
  ids.add(id);
  if (ids.size > MOST) ids.delete(ids.keys().next().value!);
}

/** Since when an instruction must have been made to be answered, as the ServerApp writes it: unix seconds, Infinity between rounds. */
export async function answerableSinceSeconds(outFolder: string): Promise<number> {
  const text = await readFile(join(outFolder, 'answerable.txt'), 'utf8').catch(() => '');
  return text.trim() === '' || Number.isNaN(Number(text)) ? Infinity : Number(text);
}
