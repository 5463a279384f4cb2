import { createHash } from 'node:crypto';
import { CHUNK_BYTES, npySize } from '../../src/federation/arrays.ts';
import { decode } from '../../src/federation/codec/decode.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import type { ObjectTree } from '../../src/federation/codec/messages.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { idsOfTree } from '../../src/federation/object-store.ts';
import { SUPERLINK } from '../../src/federation/reply.ts';
import type { Task } from '../../src/federation/task.ts';
import { Refusal } from './refusal.ts';

/** Message, RecordDict, ArrayRecord, MetricRecord, Array; the chunks come on top. */
const OBJECTS_BESIDE_CHUNKS = 5;
/** A MetricRecord without numbers: the same in every update, so the one object of others that a node can name beforehand. */
export const emptyMetricsId = createHash('sha256').update('MetricRecord  0\0').digest('hex');

export interface CheckedReply {
  readonly body: Buffer;
  readonly answers: string;
  readonly messageId: string;
  readonly ids: readonly string[];
}

/**
 * The body of `push-messages`, written anew from what was read in it: one answer of the node that sends it to an instruction of the SuperLink, with no more
 * objects than an update has. The SuperLink takes a message that answers nothing for an instruction of its own, to whatever node it names, and as many objects
 * as it announces, which nobody would ever fetch and free. It ends whatever upload has a message of the same id, so that an answer under the id of an
 * instruction would cut off the ServerApp's; and it refuses everybody who names an object with other children than the first who did.
 * `isInstruction`: whether an id is that of an instruction which was given out.
 * `answers`: the instruction's id; `ids`: of all its objects, `messageId` its own.
 * @throws Refusal `malformed`.
 */
export function checkedReply(body: Uint8Array, { coordinates }: Pick<Task, 'coordinates'>, isInstruction: (messageId: string) => boolean): CheckedReply {
  const { request, maximumRequestBytes } = endpoints.pushMessages;
  const read = () => {
    try {
      return decode(request, body, maximumRequestBytes);
    } catch {
      throw new Refusal('malformed');
    }
  };
  const { node, messages, trees, runtimesSeconds } = read();
  const [metadata, tree] = [messages[0]?.metadata, trees[0]];
  const most = OBJECTS_BESIDE_CHUNKS + Math.ceil(npySize([coordinates]) / CHUNK_BYTES);
  const isReply = messages.length === 1 && metadata !== undefined && metadata.replyToMessageId !== '' && metadata.messageId !== metadata.replyToMessageId && !isInstruction(metadata.messageId) && metadata.sourceNodeId === node?.nodeId && metadata.destinationNodeId === SUPERLINK;
  const ids = tree === undefined ? null : idsOfTree(tree, most);
  const isBounded = trees.length === 1 && tree !== undefined && tree.objectId === metadata?.messageId && ids !== null && hasNothingUnderEmptyMetrics(tree);
  const isTimed = Number.isFinite(metadata?.createdAtSeconds) && Number.isFinite(metadata?.ttlSeconds);
  if (!isReply || !isBounded || !isTimed || runtimesSeconds.length > 1) throw new Refusal('malformed');
  // Added up by the SuperLink, which is not to be told infinity.
  return { body: Buffer.from(encode(request, { node, messages, trees, runtimesSeconds: runtimesSeconds.map(() => 0) })), answers: metadata.replyToMessageId, messageId: metadata.messageId, ids };
}

function hasNothingUnderEmptyMetrics({ objectId, children }: ObjectTree): boolean {
  return (objectId !== emptyMetricsId || children.length === 0) && children.every(hasNothingUnderEmptyMetrics);
}
