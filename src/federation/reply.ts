import { encode } from './codec/encode.ts';
import { message, type Message, type Metadata, type ObjectTree } from './codec/messages.ts';
import { buildObject, contentsOf, treeOf, type BuiltObject } from './object-store.ts';
import type { Sha256 } from './signing.ts';

/** The SuperLink's own node id: where instructions come from and replies go to. */
export const SUPERLINK = 1n;

/** An answer with all of its objects, so that it can be sent again byte for byte after a reload. */
export interface Reply {
  readonly metadata: Metadata;
  readonly tree: ObjectTree;
  readonly contents: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** What is sent of the message beside its objects. */
  readonly message: Message;
}

/** Where in time the reply still fits: seconds since 1970 at which the instruction dies. */
export function deadlineSeconds(instruction: Metadata): number {
  return instruction.createdAtSeconds + instruction.ttlSeconds;
}

/** Code 0 is Flower's "unknown error"; the reason is a code of ours and never says anything about data. */
export type ReplyBody = { readonly kind: 'records'; readonly records: BuiltObject } | { readonly kind: 'error'; readonly code: bigint; readonly reason: string };

/** The reply of node `nodeId` to an instruction. The message's id is that of the Message object, in which the id itself is left empty. */
export async function buildReply(sha256: Sha256, instruction: Metadata, nodeId: bigint, nowSeconds: number, body: ReplyBody): Promise<Reply> {
  const metadata: Metadata = {
    runId: instruction.runId,
    messageId: '',
    sourceNodeId: nodeId,
    destinationNodeId: SUPERLINK,
    replyToMessageId: instruction.messageId,
    groupId: instruction.groupId,
    ttlSeconds: deadlineSeconds(instruction) - nowSeconds,
    messageType: instruction.messageType,
    createdAtSeconds: nowSeconds,
    sourceTaskId: instruction.destinationTaskId,
    destinationTaskId: instruction.sourceTaskId,
  };
  const error = body.kind === 'error' ? { code: body.code, reason: body.reason } : undefined;
  const root = await buildObject(sha256, 'Message', body.kind === 'records' ? [body.records] : [], encode(message, { metadata, error }));
  const named = { ...metadata, messageId: root.id };
  return { metadata: named, tree: treeOf(root), contents: contentsOf(root), message: error ? { metadata: named, error } : { metadata: named, content: {} } };
}
