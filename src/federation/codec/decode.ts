import { tooLarge } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import type { AnyTable, ScalarKind, Table } from './table.ts';
import { unZigZag, wireTypeOf, wireTypes } from './wire.ts';

/** Messages in messages; the protocol needs eight. */
const DEEPEST = 16;
/** Fields and list items of one message, unknown ones counted; the protocol needs a few dozen. */
const MOST_FIELDS = 20_000;
const LARGEST_FIELD_NUMBER = 2n ** 29n - 1n;

interface Budget {
  fields: number;
}

/**
 * A message from bytes of the server. Byte strings are copies, so that a small one does not keep a large answer alive.
 * Unknown fields are skipped; a known field of another wire type, a repeated single field and everything that is cut off is refused.
 * Guarantee: time and memory are linear in the number of bytes; nothing but `federation/malformed` and `federation/too-large` is thrown.
 */
export function decode<Message extends object>(table: Table<Message>, bytes: Uint8Array, maximumBytes: number, mostFields = MOST_FIELDS): Message {
  if (bytes.length > maximumBytes) throw tooLarge(`bytes of ${table.name}`, maximumBytes, bytes.length);
  // The table's type ties its fields to `Message`, and readFields fills each of them.
  return readFields(new ByteReader(bytes, table.name), table, 1, { fields: mostFields }) as Message;
}

function readFields(reader: ByteReader, table: AnyTable, depth: number, budget: Budget): object {
  if (depth > DEEPEST) throw tooLarge(`messages inside ${table.name}`, DEEPEST, depth);
  const values = new Map<string, unknown>();
  const lists = new Map<string, unknown[]>();
  for (const { key, kind, presence } of table.fields) {
    if (presence === 'repeated') lists.set(key, []);
    else if (presence === 'plain') values.set(key, zeroOf(kind));
  }
  const seen = new Set<number>();
  while (!reader.isAtEnd) {
    takeField(budget, table);
    const tag = reader.varint();
    const fieldNumber = tag >> 3n;
    if (fieldNumber === 0n || fieldNumber > LARGEST_FIELD_NUMBER) reader.fail('a field number that cannot be');
    const wireType = Number(tag & 7n);
    const field = table.fields.find(({ number }) => BigInt(number) === fieldNumber);
    if (field === undefined) {
      skipField(reader, wireType);
      continue;
    }
    const { key, number, kind, presence } = field;
    const list = lists.get(key);
    if (list !== undefined && wireType === wireTypes.lengthDelimited && wireTypeOf(kind) !== wireTypes.lengthDelimited) {
      const packed = reader.part(table.name);
      while (!packed.isAtEnd) {
        takeField(budget, table);
        list.push(readValue(packed, kind, depth, budget));
      }
      continue;
    }
    if (wireType !== wireTypeOf(kind)) reader.fail(`field ${number} of wire type ${wireType}`);
    if (presence !== 'repeated' && seen.has(number)) reader.fail(`field ${number} twice`);
    seen.add(number);
    const value = readValue(reader, kind, depth, budget);
    if (list !== undefined) list.push(value);
    else values.set(key, value);
  }
  return Object.fromEntries([...values, ...lists]);
}

function takeField(budget: Budget, table: AnyTable): void {
  if (budget.fields-- <= 0) throw tooLarge(`fields of ${table.name}`, MOST_FIELDS, MOST_FIELDS + 1);
}

function readValue(reader: ByteReader, kind: ScalarKind | (() => AnyTable), depth: number, budget: Budget): unknown {
  if (typeof kind === 'function') {
    const inner = kind();
    return readFields(reader.part(inner.name), inner, depth + 1, budget);
  }
  switch (kind) {
    case 'uint64':
      return reader.varint();
    case 'sint64':
      return unZigZag(reader.varint());
    case 'bool':
      return reader.varint() !== 0n;
    case 'double':
      return reader.double();
    case 'string':
      return reader.text();
    case 'bytes':
      return reader.lengthDelimited().slice();
  }
}

function skipField(reader: ByteReader, wireType: number): void {
  if (wireType === wireTypes.varint) reader.varint();
  else if (wireType === wireTypes.fixed64) reader.skip(8);
  else if (wireType === wireTypes.lengthDelimited) reader.lengthDelimited();
  else if (wireType === wireTypes.fixed32) reader.skip(4);
  else reader.fail(`wire type ${wireType}`);
}

function zeroOf(kind: ScalarKind | (() => AnyTable)): unknown {
  switch (kind) {
    case 'uint64':
    case 'sint64':
      return 0n;
    case 'double':
      return 0;
    case 'bool':
      return false;
    case 'string':
      return '';
    default:
      return new Uint8Array(0);
  }
}
