import { CHUNK_BYTES, npySize } from '../../src/federation/arrays.ts';
import { decode } from '../../src/federation/codec/decode.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { idsOfTree } from '../../src/federation/object-store.ts';
import { SUPERLINK } from '../../src/federation/reply.ts';
import type { Task } from '../../src/federation/task.ts';
import { Refusal } from './refusal.ts';

/** Message, RecordDict, ArrayRecord, MetricRecord, Array; the chunks come on top. */
const OBJECTS_BESIDE_CHUNKS = 5;

/**
 * The body of `push-messages`, written anew from what was read in it: one answer of the node that sends it to an instruction of the SuperLink, with no more
 * objects than an update has. The SuperLink takes a message that answers nothing for an instruction of its own, to whatever node it names, and as many objects
 * as it announces, which nobody would ever fetch and free.
 * @throws Refusal `malformed`.
 */
export function checkedReply(body: Uint8Array, { coordinates }: Pick<Task, 'coordinates'>): Buffer {
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
  const isReply = messages.length === 1 && metadata !== undefined && metadata.replyToMessageId !== '' && metadata.sourceNodeId === node?.nodeId && metadata.destinationNodeId === SUPERLINK;
  const isBounded = trees.length === 1 && tree !== undefined && tree.objectId === metadata?.messageId && idsOfTree(tree, most) !== null;
  const isTimed = Number.isFinite(metadata?.createdAtSeconds) && Number.isFinite(metadata?.ttlSeconds);
  if (!isReply || !isBounded || !isTimed || runtimesSeconds.length > 1) throw new Refusal('malformed');
  // Added up by the SuperLink, which is not to be told infinity.
  return Buffer.from(encode(request, { node, messages, trees, runtimesSeconds: runtimesSeconds.map(() => 0) }));
}
