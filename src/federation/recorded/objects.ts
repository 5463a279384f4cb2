import { bytesToHex, hexToBytes, utf8ToBytes } from '../../ground/bytes.ts';
import { buildArray } from '../arrays.ts';
import { decode } from '../codec/decode.ts';
import { encode } from '../codec/encode.ts';
import { message, pushMessagesRequest, type Metadata } from '../codec/messages.ts';
import { buildObject, idsOfTree, parseObject, type BuiltObject } from '../object-store.ts';
import { buildReply, type Reply } from '../reply.ts';
import type { Sha256 } from '../signing.ts';
import { pulledInstruction } from './messages.ts';
import { bodyOf, LARGEST_RECORDED, objectTreeOf, recordedTree, type RecordedObject, type RecordedTree, type RecordedWire, type WireCheck } from './wire.ts';

const objectsText = (objects: Iterable<readonly [id: string, hex: string]>) => [...objects].map(([id, hex]) => `${id} ${hex}`).join('\n');
const recordedText = (objects: readonly RecordedObject[]) => objectsText(objects.map(({ id, content_hex: hex }) => [id, hex]));

/** Each object taken apart and put together again. */
async function rebuilt(sha256: Sha256, objects: readonly RecordedObject[]): Promise<WireCheck> {
  const built: (readonly [string, string])[] = [];
  for (const { type, content_hex: hex } of objects) {
    const { children, body } = parseObject(hexToBytes(hex), type);
    // Children are only named by an object; what they hold does not matter here.
    const { id, content } = await buildObject(sha256, type, children.map((child): BuiltObject => ({ id: child, content: new Uint8Array(0), children: [] })), body);
    built.push([id, bytesToHex(content)]);
  }
  return { field: 'post_order', found: objectsText(built), recorded: recordedText(objects) };
}

/** A tree names the objects in the recorded order, children first and each once. */
function checkOrder(tree: RecordedTree, objects: readonly RecordedObject[]): WireCheck {
  return { field: 'tree', found: String(idsOfTree(objectTreeOf(tree), objects.length)), recorded: String(objects.map(({ id }) => id)) };
}

function instructionMetadata({ objects: { instruction } }: RecordedWire): Metadata {
  const root = instruction.post_order.find(({ id }) => id === instruction.message_id)!;
  return { ...decode(message, bodyOf(hexToBytes(root.content_hex)), LARGEST_RECORDED).metadata!, messageId: instruction.message_id };
}

function checkReply({ message_id: messageId, post_order: objects }: { readonly message_id: string; readonly post_order: readonly RecordedObject[] }, built: Reply): WireCheck[] {
  return [
    { field: 'message_id', found: String(built.metadata.messageId), recorded: messageId },
    { field: 'post_order', found: objectsText([...built.contents].map(([id, content]) => [id, bytesToHex(content)])), recorded: recordedText(objects) },
  ];
}

function checkPushed(wire: RecordedWire, name: string, { message: sent, tree }: Reply): WireCheck {
  const found = encode(pushMessagesRequest, { node: { nodeId: BigInt(wire.ids.node_id) }, messages: [sent], trees: [tree], runtimesSeconds: [1.5] });
  return { field: 'message_id', found: bytesToHex(found), recorded: wire.protobuf[name]! };
}

async function checkInstruction(wire: RecordedWire, sha256: Sha256): Promise<WireCheck[]> {
  const { instruction } = wire.objects;
  const { metadata, tree } = pulledInstruction(wire);
  return [
    await rebuilt(sha256, instruction.post_order),
    checkOrder(instruction.tree, instruction.post_order),
    { field: 'tree', found: JSON.stringify(recordedTree(tree)), recorded: JSON.stringify(instruction.tree) },
    { field: 'message_id', found: String(metadata.messageId), recorded: instruction.message_id },
  ];
}

/** A whole reply from the same numbers at the same time. The recorded one carries numbers beside the update that ours never does; they come in as they were recorded. */
async function checkRecordsReply(wire: RecordedWire, sha256: Sha256): Promise<WireCheck[]> {
  const { reply } = wire.objects;
  const metricsBody = bodyOf(hexToBytes(reply.post_order.find(({ type }) => type === 'MetricRecord')!.content_hex));
  const array = await buildArray(sha256, new Float32Array(hexToBytes(wire.values.delta_f32_hex).buffer), [8]);
  const arrays = await buildObject(sha256, 'ArrayRecord', [array], utf8ToBytes(`{"delta": "${array.id}"}`));
  const metrics = await buildObject(sha256, 'MetricRecord', [], metricsBody);
  const records = await buildObject(sha256, 'RecordDict', [arrays, metrics], utf8ToBytes(`{"arrays": "${arrays.id}", "metrics": "${metrics.id}"}`));
  const built = await buildReply(sha256, instructionMetadata(wire), BigInt(wire.ids.node_id), reply.created_at, { kind: 'records', records });
  return [
    ...checkReply(reply, built),
    await rebuilt(sha256, reply.post_order),
    checkOrder(reply.tree, reply.post_order),
    { field: 'tree', found: JSON.stringify(recordedTree(built.tree)), recorded: JSON.stringify(reply.tree) },
    { field: 'created_at', found: String(built.metadata.createdAtSeconds), recorded: String(reply.created_at) },
    { field: 'ttl', found: String(built.metadata.ttlSeconds), recorded: String(reply.ttl) },
    checkPushed(wire, 'PushMessagesRequest', built),
  ];
}

async function checkErrorReply(wire: RecordedWire, sha256: Sha256): Promise<WireCheck[]> {
  const { error_reply: reply } = wire.objects;
  const built = await buildReply(sha256, instructionMetadata(wire), BigInt(wire.ids.node_id), wire.objects.reply.created_at, { kind: 'error', code: BigInt(reply.code), reason: reply.reason });
  const { error } = decode(pushMessagesRequest, hexToBytes(wire.protobuf['PushMessagesRequest_error']!), LARGEST_RECORDED).messages[0]!;
  return [
    ...checkReply(reply, built),
    await rebuilt(sha256, reply.post_order),
    { field: 'code', found: String(error?.code), recorded: String(reply.code) },
    { field: 'reason', found: String(error?.reason), recorded: reply.reason },
    checkPushed(wire, 'PushMessagesRequest_error', built),
  ];
}

/** A child that two entries name is one object. */
async function checkShared({ objects: { shared_children: shared } }: RecordedWire, sha256: Sha256): Promise<WireCheck[]> {
  const last = await rebuilt(sha256, shared.post_order.slice(-1));
  return [await rebuilt(sha256, shared.post_order), checkOrder(shared.tree, shared.post_order), { field: 'root', found: last.found.split(' ')[0]!, recorded: shared.root }];
}

const checks = { instruction: checkInstruction, reply: checkRecordsReply, error_reply: checkErrorReply, shared_children: checkShared } as const;

/** Objects of one recorded message: built and taken apart byte for byte. */
export async function checkObjects(wire: RecordedWire, name: string, sha256: Sha256): Promise<readonly WireCheck[]> {
  const check = new Map(Object.entries(checks)).get(name);
  return check ? check(wire, sha256) : [];
}
