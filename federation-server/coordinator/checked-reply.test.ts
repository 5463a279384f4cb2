import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encode } from '../../src/federation/codec/encode.ts';
import type { Metadata, ObjectTree } from '../../src/federation/codec/messages.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { buildObject } from '../../src/federation/object-store.ts';
import { checkedReply, emptyMetricsId } from './checked-reply.ts';

const task = { coordinates: 100 };
const id = (name: string | number) => createHash('sha256').update(String(name)).digest('hex');
const leaf = (name: string | number): ObjectTree => ({ objectId: id(name), children: [] });
/** Message, RecordDict, ArrayRecord, Array, chunk, MetricRecord. */
const tree: ObjectTree = { objectId: id('message'), children: [{ objectId: id('records'), children: [{ objectId: id('arrays'), children: [{ objectId: id('array'), children: [leaf('chunk')] }] }, leaf('metrics')] }] };
const metadata: Metadata = { runId: 7n, messageId: tree.objectId, sourceNodeId: 2n ** 63n + 1n, destinationNodeId: 1n, replyToMessageId: id('instruction'), groupId: '', ttlSeconds: 60, messageType: 'train', createdAtSeconds: 1.8e9, sourceTaskId: undefined, destinationTaskId: 3n };
/** One that was given to this node in another round. */
const isInstruction = (messageId: string) => messageId === id('later instruction');
const node = { nodeId: metadata.sourceNodeId };

function bodyOf(change: Partial<Metadata> = {}, trees: readonly ObjectTree[] = [tree], copies = 1): Uint8Array {
  return encode(endpoints.pushMessages.request, { node, messages: Array.from({ length: copies }, () => ({ metadata: { ...metadata, ...change }, content: {} })), trees, runtimesSeconds: [0] });
}

describe('what a node pushes', () => {
  it('goes on byte for byte where it is one answer to one instruction, or an error', () => {
    expect(Buffer.compare(checkedReply(bodyOf(), task, isInstruction).body, bodyOf())).toBe(0);
    expect(checkedReply(bodyOf(), task, isInstruction).answers).toBe(id('instruction'));
    const failed = encode(endpoints.pushMessages.request, { node, messages: [{ metadata, error: { code: 0n, reason: 'federation/over-budget' } }], trees: [leaf('message')], runtimesSeconds: [0] });
    expect(Buffer.compare(checkedReply(failed, task, isInstruction).body, failed)).toBe(0);
  });

  it('loses what the table of messages does not know, and how long it took', () => {
    const slow = encode(endpoints.pushMessages.request, { node, messages: [{ metadata, content: {} }], trees: [tree], runtimesSeconds: [Infinity] });
    expect(Buffer.compare(checkedReply(slow, task, isInstruction).body, bodyOf())).toBe(0);
    const unknown = Uint8Array.of(0xfa, 0x01, 1, 0x78);
    expect(Buffer.compare(checkedReply(Buffer.concat([bodyOf(), unknown]), task, isInstruction).body, bodyOf())).toBe(0);
  });

  it.each<readonly [string, Uint8Array]>([
    ['an instruction in the name of the SuperLink', bodyOf({ sourceNodeId: 1n, destinationNodeId: node.nodeId, replyToMessageId: '' })],
    ['an answer to nothing', bodyOf({ replyToMessageId: '' })],
    ['an answer in the name of another node', bodyOf({ sourceNodeId: 5n })],
    ['an answer to another node', bodyOf({ destinationNodeId: 5n })],
    ['of no time', bodyOf({ createdAtSeconds: NaN })],
    ['for ever', bodyOf({ ttlSeconds: Infinity })],
    ['two messages', bodyOf({}, [tree, tree], 2)],
    ['no message', bodyOf({}, [], 0)],
    ['no tree', bodyOf({}, [])],
    ['the tree of another message', bodyOf({}, [leaf('another')])],
    ['more objects than an update has', bodyOf({}, [{ objectId: tree.objectId, children: Array.from({ length: 800 }, (_, index) => leaf(index)) }])],
    ['an answer under the id of its instruction', bodyOf({ messageId: id('instruction') }, [{ ...tree, objectId: id('instruction') }])],
    ['an answer under the id of another instruction', bodyOf({ messageId: id('later instruction') }, [{ ...tree, objectId: id('later instruction') }])],
    ['something under the numbers that every update has', bodyOf({}, [{ objectId: tree.objectId, children: [{ objectId: emptyMetricsId, children: [leaf('child')] }] }])],
    ['a field twice', Buffer.concat([bodyOf(), encode(endpoints.pushMessages.request, { node, messages: [], trees: [], runtimesSeconds: [] })])],
    ['no protobuf', Buffer.from('body')],
  ])('is refused where it is %s', (_, body) => {
    expect(() => checkedReply(body, task, isInstruction)).toThrow(expect.objectContaining({ reason: 'malformed' }));
  });

  it('may name the numbers that every update has: none, by the id that a node gives them', async () => {
    const { id: metricsId } = await buildObject((bytes) => Promise.resolve(new Uint8Array(createHash('sha256').update(bytes).digest())), 'MetricRecord', [], new Uint8Array(0));
    expect(emptyMetricsId).toBe(metricsId);
    const body = bodyOf({}, [{ objectId: tree.objectId, children: [leaf('arrays'), { objectId: emptyMetricsId, children: [] }] }]);
    expect(Buffer.compare(checkedReply(body, task, isInstruction).body, body)).toBe(0);
  });
});
