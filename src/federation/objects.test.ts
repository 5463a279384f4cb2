import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import { buildArray, fromNpy, npyHead, npySize, readArray, toNpy } from './arrays.ts';
import { decode } from './codec/decode.ts';
import { encode } from './codec/encode.ts';
import type { ObjectTree } from './codec/messages.ts';
import { valueRecord } from './codec/record-messages.ts';
import { buildObject, contentsOf, idsOfTree, ObjectStore, parseObject, treeOf } from './object-store.ts';
import { objectTreeOf } from './recorded/wire.ts';
import { buildUpdateRecords, readConfig, readInstruction } from './records.ts';
import { contentsByIds, floatsOf, golden, sha256 } from './testing/golden.ts';

const { instruction, reply } = golden.objects;

// Recorded objects are taken apart and built byte for byte in recorded/recorded.test.ts.
describe('recorded objects', () => {
  it('an instruction is read: model, settings of every kind', () => {
    const contents = contentsByIds(instruction.post_order);
    const { model, config, modelId } = readInstruction(contents, instruction.message_id, 'model', [8]);
    expect(model).toEqual(floatsOf(golden.values.model_f32_hex));
    expect(modelId).toBe(instruction.post_order.find(({ type }) => type === 'ArrayRecord')!.id);
    expect(Object.fromEntries(config)).toEqual({
      d: { double: 0.5 }, i: { signed: -3n }, big: { signed: 4611686018427387904n }, b: { bool: true }, b0: { bool: false }, s: { text: 'héllo' }, y: { bytes: Uint8Array.of(0, 255) },
      dl: { doubleList: { values: [1, 2.5] } }, il: { signedList: { values: [1n, -1n] } }, bl: { boolList: { values: [true, false] } }, sl: { textList: { values: ['a', ''] } }, 'server-round': { signed: 1n },
    });
  });

  it('an array is built with the bytes and ids that flwr gives it', async () => {
    const delta = floatsOf(golden.values.delta_f32_hex);
    const array = await buildArray(sha256, delta, [8]);
    const expected = reply.post_order.filter(({ type }) => type === 'ArrayChunk' || type === 'Array');
    expect([...contentsOf(array)].map(([id, content]) => ({ id, content_hex: bytesToHex(content) }))).toEqual(expected.map(({ id, content_hex }) => ({ id, content_hex })));
  });

  it('records of an update have the form of the recorded ones', async () => {
    const records = await buildUpdateRecords(sha256, 'delta', floatsOf(golden.values.delta_f32_hex), { loss: 0.25 });
    expect(treeOf(records).children[0]).toEqual(objectTreeOf(reply.tree).children[0]!.children[0]);
    const metrics = records.children[1]!;
    expect(decode(valueRecord, parseObject(metrics.content, 'MetricRecord').body, 1000)).toEqual({ items: [{ key: 'loss', value: { double: 0.25 } }] });
  });
});

describe('arrays', () => {
  it('come back with every bit, NaN, infinities and minus zero among them', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 0, maxLength: 400 }), (bytes) => {
      const length = Math.floor(bytes.length / 4);
      const npy = new Uint8Array(npySize([length]));
      npy.set(npyHead([length]));
      npy.set(bytes.subarray(0, 4 * length), npy.length - 4 * length);
      const values = fromNpy(npy, [length]);
      // A NaN may change its payload on the way through a number; whether it is one may not.
      const again = fromNpy(toNpy(values, [length]), [length]);
      for (let i = 0; i < length; i++) expect(Object.is(again[i], values[i])).toBe(true);
    }));
  });

  it('in several chunks, a repeated one among them, are joined in order', async () => {
    const values = new Float32Array(200).map((_, i) => (i < 100 ? 0 : i));
    const array = await buildArray(sha256, values, [200], 64);
    expect(array.children.length).toBeLessThan(Math.ceil(npySize([200]) / 64));
    expect(readArray(contentsOf(array), array.id, [200])).toEqual(values);
  });

  const arrayBody = (change: object) => utf8ToBytes(JSON.stringify({ dtype: 'float32', shape: [8], stype: 'numpy.ndarray', arraychunk_ids: [0], ...change }));
  async function changed(change: object, chunk: Uint8Array = toNpy(new Float32Array(8), [8])): Promise<() => Float32Array> {
    const piece = await buildObject(sha256, 'ArrayChunk', [], chunk);
    const array = await buildObject(sha256, 'Array', [piece], arrayBody(change));
    return () => readArray(contentsOf(array), array.id, [8]);
  }

  it.each([
    ['another shape', { shape: [7] }, 'federation/malformed'],
    ['another number of axes', { shape: [8, 1] }, 'federation/malformed'],
    ['another kind of number', { dtype: 'float64' }, 'federation/malformed'],
    ['a pickled object', { stype: 'pickle' }, 'federation/malformed'],
    ['a chunk that is not there', { arraychunk_ids: [1] }, 'federation/malformed'],
    ['a chunk of no number', { arraychunk_ids: ['0'] }, 'federation/malformed'],
    ['half a chunk', { arraychunk_ids: [0.5] }, 'federation/malformed'],
    ['no chunk', { arraychunk_ids: [] }, 'federation/malformed'],
    ['one chunk twice', { arraychunk_ids: [0, 0] }, 'federation/malformed'],
    ['one chunk four thousand times', { arraychunk_ids: Array.from({ length: 4000 }, () => 0) }, 'federation/too-large'],
  ])('with %s are refused', async (_, change, code) => {
    const read = await changed(change);
    expect(read).toThrow(expect.objectContaining({ code }));
  });

  it('whose .npy head asks for 373 GiB are refused', async () => {
    const npy = toNpy(new Float32Array(8), [8]);
    npy.set(utf8ToBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"), 10);
    const read = await changed({}, npy);
    expect(read).toThrow(expect.objectContaining({ code: 'federation/malformed' }));
  });
});

describe('objects', () => {
  it.each([
    ['no zero byte', 'ArrayChunk  3abc'],
    ['another type', 'Array  3\0abc'],
    ['a length that is not the body\'s', 'ArrayChunk  4\0abc'],
    ['a length that is no number', 'ArrayChunk  x\0abc'],
    ['a child that is no id', 'ArrayChunk abc 3\0abc'],
    ['a child twice', `ArrayChunk ${'ab'.repeat(32)},${'ab'.repeat(32)} 3\0abc`],
    ['nothing', ''],
  ])('with %s are refused', (_, text) => {
    expect(() => parseObject(utf8ToBytes(text), 'ArrayChunk')).toThrow(expect.objectContaining({ code: 'federation/malformed' }));
  });

  it('of random bytes give the named error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseObject(bytes, 'Message');
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^federation\/(malformed|too-large)$/) as string });
      }
    }));
  });

  it('are held to their hash and to the size of a message', async () => {
    const store = new ObjectStore(sha256, 100);
    const { id, content } = await buildObject(sha256, 'ArrayChunk', [], utf8ToBytes('abc'));
    await store.add(id, content);
    await store.add(id, content);
    expect([...store.contents.keys()]).toEqual([id]);
    const other = await buildObject(sha256, 'ArrayChunk', [], utf8ToBytes('abd'));
    await expect(store.add(other.id, content)).rejects.toMatchObject({ code: 'federation/malformed' });
    const large = await buildObject(sha256, 'ArrayChunk', [], new Uint8Array(90));
    await expect(store.add(large.id, large.content)).rejects.toMatchObject({ code: 'federation/too-large' });
    expect(store.has(other.id) || store.has(large.id)).toBe(false);
  });

  it('of a tree are counted before any is fetched', () => {
    const leaf = (n: number): ObjectTree => ({ objectId: n.toString(16).padStart(64, '0'), children: [] });
    const tree = { ...leaf(0), children: Array.from({ length: 7 }, (_, n) => leaf(n + 1)) };
    expect(idsOfTree(tree, 8)).toHaveLength(8);
    expect(idsOfTree(tree, 7)).toBeNull();
    expect(idsOfTree({ objectId: '../etc/passwd', children: [] }, 8)).toBeNull();
    expect(idsOfTree({ ...leaf(0), children: Array.from({ length: 5000 }, () => leaf(1)) }, 8)).toBeNull();
  });
});

describe('records', () => {
  async function instructionOf(records: Readonly<Record<string, string>>, arrays: readonly string[] = ['model']): Promise<() => unknown> {
    const array = await buildArray(sha256, new Float32Array(8), [8]);
    const record = await buildObject(sha256, 'ArrayRecord', [array], utf8ToBytes(JSON.stringify(Object.fromEntries(arrays.map((name) => [name, array.id])))));
    const config = await buildObject(sha256, 'ConfigRecord', [], encode(valueRecord, { items: [] }));
    const ids: Readonly<Record<string, string>> = { arrays: record.id, config: config.id };
    const dictionary = await buildObject(sha256, 'RecordDict', [record, config], utf8ToBytes(JSON.stringify(Object.fromEntries(Object.entries(records).map(([name, id]) => [name, ids[id] ?? id])))));
    const root = await buildObject(sha256, 'Message', [dictionary], new Uint8Array(0));
    return () => readInstruction(contentsOf(root), root.id, 'model', [8]);
  }

  it('are exactly the expected ones', async () => {
    expect(await instructionOf({ arrays: 'arrays', config: 'config' })).not.toThrow();
    const malformed = expect.objectContaining({ code: 'federation/malformed' }) as Error;
    expect(await instructionOf({ arrays: 'arrays' })).toThrow(malformed);
    expect(await instructionOf({ arrays: 'arrays', config: 'config', more: 'config' })).toThrow(malformed);
    expect(await instructionOf({ arrays: 'config', config: 'config' })).toThrow(malformed);
    expect(await instructionOf({ arrays: 'ab'.repeat(32), config: 'config' })).toThrow(malformed);
    expect(await instructionOf({ arrays: 'arrays', config: 'config' }, ['other'])).toThrow(malformed);
    expect(await instructionOf({ arrays: 'arrays', config: 'config' }, ['model', 'other'])).toThrow(malformed);
  });

  it('name each setting once', () => {
    const item = { key: 'rounds', value: { double: 1 } };
    expect(readConfig(encode(valueRecord, { items: [item] })).get('rounds')).toEqual({ double: 1 });
    expect(() => readConfig(encode(valueRecord, { items: [item, item] }))).toThrow(expect.objectContaining({ code: 'federation/malformed' }));
  });

  it('that nest JSON thousands deep are refused', async () => {
    const deep = await buildObject(sha256, 'RecordDict', [], utf8ToBytes('['.repeat(60_000)));
    const root = await buildObject(sha256, 'Message', [deep], new Uint8Array(0));
    expect(() => readInstruction(contentsOf(root), root.id, 'model', [8])).toThrow(expect.objectContaining({ code: 'federation/malformed' }));
    expect(bytesToUtf8(root.content.subarray(0, 8))).toBe('Message ');
  });
});
