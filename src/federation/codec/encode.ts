import { utf8ToBytes } from '../../ground/bytes.ts';
import { invariant } from '../../ground/check.ts';
import { ByteWriter } from './byte-writer.ts';
import type { AnyTable, ScalarKind, Table } from './table.ts';
import { wireTypeOf, wireTypes, zigZag } from './wire.ts';

/** A message as protobuf bytes, fields in rising order, repeated numbers packed: what protobuf's own serialisers write. */
export function encode<Message extends object>(table: Table<Message>, message: Message): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writeFields(writer, table, message);
  return writer.finish();
}

function writeFields(writer: ByteWriter, table: AnyTable, message: object): void {
  const values = new Map<string, unknown>(Object.entries(message));
  for (const { key, number, kind, presence } of table.fields) {
    const value = values.get(key);
    if (presence === 'repeated') {
      invariant(Array.isArray(value), `${table.name}.${key} is a list`);
      if (value.length > 0) writeList(writer, number, kind, value);
    } else if (value !== undefined && !(presence === 'plain' && isZero(value))) {
      writeTag(writer, number, wireTypeOf(kind));
      writeValue(writer, kind, value);
    }
  }
}

function writeList(writer: ByteWriter, number: number, kind: ScalarKind | (() => AnyTable), values: readonly unknown[]): void {
  if (wireTypeOf(kind) !== wireTypes.lengthDelimited) {
    const packed = new ByteWriter();
    for (const value of values) writeValue(packed, kind, value);
    writeTag(writer, number, wireTypes.lengthDelimited);
    writeBytes(writer, packed.finish());
    return;
  }
  for (const value of values) {
    writeTag(writer, number, wireTypes.lengthDelimited);
    writeValue(writer, kind, value);
  }
}

function writeValue(writer: ByteWriter, kind: ScalarKind | (() => AnyTable), value: unknown): void {
  if (typeof kind === 'function') {
    invariant(typeof value === 'object' && value !== null, 'a message is an object');
    const inner = new ByteWriter();
    writeFields(inner, kind(), value);
    writeBytes(writer, inner.finish());
  } else if (typeof value === 'bigint') {
    writer.varint(kind === 'sint64' ? zigZag(value) : value);
  } else if (typeof value === 'number') {
    writer.double(value);
  } else if (typeof value === 'boolean') {
    writer.varint(value ? 1n : 0n);
  } else if (typeof value === 'string') {
    writeBytes(writer, utf8ToBytes(value));
  } else {
    invariant(value instanceof Uint8Array, 'bytes are bytes');
    writeBytes(writer, value);
  }
}

function writeTag(writer: ByteWriter, number: number, wireType: number): void {
  writer.varint(BigInt(number * 8 + wireType));
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.varint(BigInt(bytes.length));
  writer.bytes(bytes);
}

/** Minus zero is a value of its own and is written. */
function isZero(value: unknown): boolean {
  return value === 0n || Object.is(value, 0) || value === false || value === '' || (value instanceof Uint8Array && value.length === 0);
}
