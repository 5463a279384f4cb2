import type { AnyTable, ScalarKind } from './table.ts';

/** Protobuf's wire types that are in use; 3 and 4, groups, are not. */
export const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

export function wireTypeOf(kind: ScalarKind | (() => AnyTable)): number {
  if (typeof kind === 'function' || kind === 'string' || kind === 'bytes') return wireTypes.lengthDelimited;
  return kind === 'double' ? wireTypes.fixed64 : wireTypes.varint;
}

/** sint64: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
export function zigZag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

export function unZigZag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n);
}
