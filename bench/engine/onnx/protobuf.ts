import { ByteWriter } from '../../../src/federation/codec/byte-writer.ts';

/** One field of a message: a number as varint, text, a message, bytes, or a float. Field numbers are those of onnx.proto3. */
type Value = number | string | Uint8Array | { readonly float: number };

const encoder = new TextEncoder();
const wire = { varint: 0, bytes: 2, fixed32: 5 } as const;

/** A protobuf message from its fields in the order given; a list repeats its field. */
export function message(fields: readonly (readonly [field: number, value: Value | readonly Value[]])[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  const tag = (field: number, type: number) => writer.varint(BigInt((field << 3) | type));
  const write = (field: number, value: Value) => {
    if (typeof value === 'number') {
      tag(field, wire.varint);
      writer.varint(BigInt(value));
    } else if (typeof value === 'object' && 'float' in value) {
      tag(field, wire.fixed32);
      writer.bytes(new Uint8Array(Float32Array.of(value.float).buffer));
    } else {
      const bytes = typeof value === 'string' ? encoder.encode(value) : value;
      tag(field, wire.bytes);
      writer.varint(BigInt(bytes.length));
      writer.bytes(bytes);
    }
  };
  for (const [field, value] of fields) for (const one of isList(value) ? value : [value]) write(field, one);
  return writer.finish();
}

function isList(value: Value | readonly Value[]): value is readonly Value[] {
  return Array.isArray(value);
}
