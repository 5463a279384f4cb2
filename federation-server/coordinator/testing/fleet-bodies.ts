/** Bodies as a node and the SuperLink write them, and what a node must have been handed before it may answer. */
import { encode } from '../../../src/federation/codec/encode.ts';
import type { ObjectTree } from '../../../src/federation/codec/messages.ts';
import { endpoints } from '../../../src/federation/endpoints.ts';
import type { Scene, TestKey } from './scene.ts';

export const replyMetadata = { runId: 1n, messageId: 'ab'.repeat(32), sourceNodeId: 9n, destinationNodeId: 1n, replyToMessageId: 'cd'.repeat(32), groupId: '', ttlSeconds: 1, messageType: 'train', createdAtSeconds: 1 };

export function instructionOf(messageId: string, createdAtSeconds = 1): Uint8Array {
  return encode(endpoints.pullMessages.answer, { messages: [{ metadata: { ...replyMetadata, messageId, createdAtSeconds, sourceNodeId: 1n, destinationNodeId: 9n, replyToMessageId: '' }, content: {} }], trees: [{ objectId: messageId, children: [] }] });
}

/** The node is handed an instruction, in a round that began before all of them. */
export async function give(scene: Scene, key: TestKey, messageId: string, createdAtSeconds?: number): Promise<void> {
  const usual = scene.upstreamBody;
  scene.answerableSince(0);
  scene.upstreamBody = instructionOf(messageId, createdAtSeconds);
  scene.nowMs += 1000;
  handed(await scene.fleet('pull-messages', key));
  await handOut(scene, key, messageId, true);
  scene.upstreamBody = usual;
  scene.nowMs += 1000;
}

/** The node asks for an object, which is there or still on its way. */
export async function handOut(scene: Scene, key: TestKey, objectId: string, isAvailable: boolean): Promise<void> {
  scene.upstreamBody = encode(endpoints.pullObject.answer, { isFound: true, isAvailable, content: Buffer.from('object') });
  scene.nowMs += 1000;
  handed(await scene.fleet('pull-object', key, encode(endpoints.pullObject.request, { node: { nodeId: 9n }, runId: 1n, objectId })));
}

export function confirmBody(messageObjectId: string): Uint8Array {
  return encode(endpoints.confirm.request, { node: { nodeId: 9n }, runId: 1n, messageObjectId });
}

export function objectBody(objectId: string, sessionId: string, content: Uint8Array = Buffer.from('object')): Uint8Array {
  return encode(endpoints.pushObject.request, { node: { nodeId: 9n }, runId: 1n, objectId, content, sessionId });
}

/** An answer of `push-messages`. */
export function wanting(objectsToPush: readonly string[] = [], sessionId = ''): Uint8Array {
  return encode(endpoints.pushMessages.answer, { results: [], objectsToPush, sessionId });
}

/** An error as a node answers with it. */
export function replyBody(messageId = replyMetadata.messageId, replyToMessageId = replyMetadata.replyToMessageId, children: readonly ObjectTree[] = []): Uint8Array {
  return encode(endpoints.pushMessages.request, { node: { nodeId: 9n }, messages: [{ metadata: { ...replyMetadata, messageId, replyToMessageId }, error: { code: 0n, reason: 'none' } }], trees: [{ objectId: messageId, children }], runtimesSeconds: [] });
}

function handed({ status }: { readonly status: number }): void {
  if (status !== 200) throw new Error(`not handed out: ${status}`);
}
