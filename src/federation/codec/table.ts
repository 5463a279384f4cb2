/**
 * Protobuf messages as data: a table names each field's number, kind and presence, and its type ties it to the TypeScript message.
 * `plain` fields have no presence (zero is not written), `optional` ones are written whenever they are there, even when zero.
 */

export type ScalarKind = 'uint64' | 'sint64' | 'double' | 'bool' | 'string' | 'bytes';
export type Presence = 'plain' | 'optional' | 'repeated';

declare const messageType: unique symbol;

export interface AnyTable {
  readonly name: string;
  readonly fields: readonly { readonly key: string; readonly number: number; readonly kind: ScalarKind | (() => AnyTable); readonly presence: Presence }[];
}

/** The table of messages of type `Message`. */
export interface Table<Message> extends AnyTable {
  readonly [messageType]?: Message;
}

type KindOf<Value> = [Value] extends [bigint] ? 'uint64' | 'sint64'
  : [Value] extends [number] ? 'double'
  : [Value] extends [boolean] ? 'bool'
  : [Value] extends [string] ? 'string'
  : [Value] extends [Uint8Array] ? 'bytes'
  : () => Table<Value>;

type FieldOf<Value> = [Value] extends [readonly (infer Item)[]] ? readonly [number: number, kind: KindOf<Item>, presence: 'repeated']
  : undefined extends Value ? readonly [number: number, kind: KindOf<Exclude<Value, undefined>>, presence: 'optional']
  : readonly [number: number, kind: KindOf<Value>, presence: 'plain'];

type AnyField = readonly [number, ScalarKind | (() => AnyTable), Presence];

/** A table from its fields, which must be those of `Message`, in rising order of their numbers: the order in which they are written. */
export function table<Message>(name: string, fields: { readonly [Key in keyof Message]-?: FieldOf<Message[Key]> } & Readonly<Record<string, AnyField>>): Table<Message> {
  const entries: readonly (readonly [string, AnyField])[] = Object.entries<AnyField>(fields);
  return { name, fields: entries.map(([key, [number, kind, presence]]) => ({ key, number, kind, presence })).sort((a, b) => a.number - b.number) };
}
