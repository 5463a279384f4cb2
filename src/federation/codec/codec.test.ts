import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../ground/bytes.ts';
import { BedsideError } from '../../ground/errors.ts';
import { again } from '../recorded/messages.ts';
import { golden } from '../testing/golden.ts';
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import {
  message, metadata, node, objectTree, pullMessagesAnswer, pullObjectAnswer, pushMessagesAnswer, pushMessagesRequest, pushObjectRequest, type Metadata, type ObjectTree,
} from './messages.ts';
import { valueRecord } from './record-messages.ts';
import type { AnyTable } from './table.ts';

const LIMIT = 10_000_000;

// What flwr wrote comes out byte for byte: ../recorded/recorded.test.ts.
describe('recorded messages', () => {
  it.each([...golden.objects.instruction.post_order, ...golden.objects.reply.post_order].filter(({ type }) => type === 'ConfigRecord' || type === 'MetricRecord').map((object) => [object.type, object.content_hex] as const))('the body of a %s comes out byte for byte', (_, hex) => {
    const content = hexToBytes(hex);
    const body = bytesToHex(content.subarray(content.indexOf(0) + 1));
    expect(again(valueRecord, body)).toBe(body);
  });

  it('mean what was recorded', () => {
    const { messages, trees } = decode(pullMessagesAnswer, hexToBytes(golden.protobuf['PullMessagesResponse']!), LIMIT);
    expect(messages).toHaveLength(1);
    expect(messages[0]!.metadata).toMatchObject({ runId: BigInt(golden.ids.run_id), messageId: golden.objects.instruction.message_id, sourceNodeId: 1n, destinationNodeId: BigInt(golden.ids.node_id), messageType: 'train', groupId: '', sourceTaskId: BigInt(golden.ids.task_id) });
    const plain = (tree: ObjectTree): object => ({ id: tree.objectId, children: tree.children.map(plain) });
    expect(trees.map(plain)).toEqual([golden.objects.instruction.tree]);
    expect(decode(pushMessagesAnswer, hexToBytes(golden.protobuf['PushMessagesResponse']!), LIMIT).results).toEqual([{ messageId: golden.objects.reply.message_id, result: 0n }]);
    const failed = decode(pushMessagesRequest, hexToBytes(golden.protobuf['PushMessagesRequest_error']!), LIMIT);
    expect(failed.messages[0]).toMatchObject({ error: { code: BigInt(golden.objects.error_reply.code), reason: golden.objects.error_reply.reason } });
  });
});

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyText = fc.string({ unit: 'grapheme', maxLength: 20 });
const anyMetadata: fc.Arbitrary<Metadata> = fc.record(
  {
    runId: uint64, messageId: anyText, sourceNodeId: uint64, destinationNodeId: uint64, replyToMessageId: anyText, groupId: anyText,
    ttlSeconds: fc.double(), messageType: anyText, createdAtSeconds: fc.double(), sourceTaskId: uint64, destinationTaskId: uint64,
  },
  { requiredKeys: ['runId', 'messageId', 'sourceNodeId', 'destinationNodeId', 'replyToMessageId', 'groupId', 'ttlSeconds', 'messageType', 'createdAtSeconds'] },
);
const treeOfDepth = fc.memo((depth): fc.Arbitrary<ObjectTree> => fc.record({ objectId: anyText, children: depth <= 1 ? fc.constant([]) : fc.array(treeOfDepth(depth - 1), { maxLength: 2 }) }));

describe('round trips', () => {
  it('keep metadata', () => {
    fc.assert(fc.property(anyMetadata, (value) => { expect(decode(metadata, encode(metadata, value), LIMIT)).toEqual(value); }));
  });

  it('keep values of every kind, minus zero and the ends of the ranges among them', () => {
    const anyValue = fc.oneof(
      fc.record({ double: fc.double() }),
      fc.record({ signed: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
      fc.record({ unsigned: uint64 }),
      fc.record({ bool: fc.boolean() }),
      fc.record({ text: anyText }),
      fc.record({ bytes: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({ doubleList: fc.record({ values: fc.array(fc.double()) }) }),
      fc.record({ signedList: fc.record({ values: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })) }) }),
      fc.record({ boolList: fc.record({ values: fc.array(fc.boolean()) }) }),
      fc.record({ textList: fc.record({ values: fc.array(anyText) }) }),
    );
    fc.assert(fc.property(fc.array(fc.record({ key: anyText, value: anyValue })), (items) => { expect(decode(valueRecord, encode(valueRecord, { items }), LIMIT)).toEqual({ items }); }));
    const ends = [{ key: 'least', value: { signed: -(2n ** 63n) } }, { key: 'most', value: { unsigned: 2n ** 64n - 1n } }, { key: 'minus zero', value: { double: -0 } }];
    expect(decode(valueRecord, encode(valueRecord, { items: ends }), LIMIT)).toEqual({ items: ends });
  });

  it('keep trees', () => {
    fc.assert(fc.property(treeOfDepth(6), (tree) => { expect(decode(objectTree, encode(objectTree, tree), LIMIT)).toEqual(tree); }));
  });
});

function errorOf(table: AnyTable, bytes: Uint8Array, limit = LIMIT): BedsideError | null {
  try {
    decode<object>(table, bytes, limit);
    return null;
  } catch (error) {
    if (error instanceof BedsideError) return error;
    throw error;
  }
}
const allowedCodes: readonly (string | undefined)[] = [undefined, 'federation/malformed', 'federation/too-large'];

describe('bytes that are no message', () => {
  const tables: readonly AnyTable[] = [pullMessagesAnswer, pushMessagesAnswer, pullObjectAnswer, pushMessagesRequest, valueRecord, message, objectTree, node];

  it('give the named error or a message, never another error', () => {
    fc.assert(fc.property(fc.constantFrom(...tables), fc.uint8Array({ maxLength: 400 }), (table, bytes) => { expect(allowedCodes).toContain(errorOf(table, bytes)?.code); }), { numRuns: 3000 });
  });

  it('damaged from recorded ones, the same', () => {
    const recorded = Object.values(golden.protobuf).map(hexToBytes);
    fc.assert(
      fc.property(fc.constantFrom(...tables), fc.constantFrom(...recorded), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }), (table, original, changes) => {
        const bytes = original.slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        expect(allowedCodes).toContain(errorOf(table, bytes)?.code);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(Object.entries(golden.protobuf).filter(([name]) => name === 'PushMessagesRequest' || name === 'PullMessagesResponse' || name === 'PushObjectRequest'))('%s cut off anywhere but between fields is refused', (name, hex) => {
    const table = { PushMessagesRequest: pushMessagesRequest, PullMessagesResponse: pullMessagesAnswer, PushObjectRequest: pushObjectRequest }[name]!;
    const whole = hexToBytes(hex);
    // Ends of the fields of the outermost message: what is before them is a message of its own.
    const ends = new Set<number>([0]);
    for (let at = 0; at < whole.length; ) {
      const wireType = whole[at]! & 7;
      at++;
      if (wireType === 2) {
        let length = 0;
        for (let shift = 0; ; shift += 7) {
          const byte = whole[at++]!;
          length += (byte & 127) * 2 ** shift;
          if (byte < 128) break;
        }
        at += length;
      } else {
        while (whole[at++]! >= 128);
      }
      ends.add(at);
    }
    for (let length = 0; length < whole.length; length++) expect([length, errorOf(table, whole.subarray(0, length))?.code]).toEqual([length, ends.has(length) ? undefined : 'federation/malformed']);
  });

  it.each([
    ['a number of eleven bytes', '08ffffffffffffffffffff01'],
    ['a number of 65 bits', '08ffffffffffffffffff02'],
    ['a length beyond the end', '12ff01'],
    ['a length near 2^64', '12ffffffffffffffffff01'],
    ['field number 0', '0001'],
    ['a group', '0b0c'],
    ['another wire type for a known field', '0a00'],
    ['a single field twice', '08010802'],
  ])('%s is refused', (_, hex) => {
    expect(errorOf(node, hexToBytes(hex))?.code).toBe('federation/malformed');
  });

  it('text that is not UTF-8 is refused', () => {
    expect(errorOf(objectTree, hexToBytes('0a02c328'))?.code).toBe('federation/malformed');
  });

  it('unknown fields of every kind are skipped', () => {
    expect(decode(node, hexToBytes('0807' + '9801ff01' + '99010000000000000000' + '9a0103616263' + '9d0100000000'), LIMIT)).toEqual({ nodeId: 7n });
  });

  it('numbers of a list may come packed or one by one', () => {
    const packed = encode(pushMessagesRequest, { messages: [], trees: [], runtimesSeconds: [1.5, 2] });
    const single = hexToBytes('21000000000000f83f' + '210000000000000040');
    expect(decode(pushMessagesRequest, single, LIMIT).runtimesSeconds).toEqual([1.5, 2]);
    expect(decode(pushMessagesRequest, packed, LIMIT).runtimesSeconds).toEqual([1.5, 2]);
  });
});

describe('limits', () => {
  it('bytes', () => {
    const bytes = encode(node, { nodeId: 2n ** 40n });
    expect(errorOf(node, bytes, bytes.length)).toBeNull();
    expect(errorOf(node, bytes, bytes.length - 1)?.code).toBe('federation/too-large');
  });

  it('depth: a tree of a thousand levels is refused', () => {
    let bytes = new Uint8Array(0);
    // From the inside out.
    for (let level = 0; level < 1000; level++) {
      const length = [];
      for (let rest = bytes.length; ; rest >>>= 7) {
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) break;
      }
      bytes = Uint8Array.from([0x12, ...length, ...bytes]);
    }
    expect(errorOf(objectTree, bytes)?.code).toBe('federation/too-large');
  });

  it('number of fields: a megabyte of empty children is refused', () => {
    expect(errorOf(objectTree, new Uint8Array(1_000_000).map((_, index) => (index % 2 === 0 ? 0x12 : 0)))?.code).toBe('federation/too-large');
    expect(errorOf(node, new Uint8Array(1_000_000).map((_, index) => (index % 2 === 0 ? 0x10 : 0)))?.code).toBe('federation/too-large');
  });

  it('a small byte string does not keep a large answer alive', () => {
    const answer = encode(pullObjectAnswer, { isFound: true, isAvailable: true, content: Uint8Array.of(1, 2, 3) });
    expect(decode(pullObjectAnswer, answer, LIMIT).content.buffer.byteLength).toBe(3);
  });
});
