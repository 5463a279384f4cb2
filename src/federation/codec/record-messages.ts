/** ConfigRecord and MetricRecord of flwr 1.41, which travel inside objects. A value has exactly one of its fields. */
import { table, type Table } from './table.ts';

export interface DoubleList {
  readonly values: readonly number[];
}
export interface IntegerList {
  readonly values: readonly bigint[];
}
export interface BoolList {
  readonly values: readonly boolean[];
}
export interface TextList {
  readonly values: readonly string[];
}
export interface BytesList {
  readonly values: readonly Uint8Array[];
}
const doubles: Table<DoubleList> = table<DoubleList>('DoubleList', { values: [1, 'double', 'repeated'] });
const signed: Table<IntegerList> = table<IntegerList>('Sint64List', { values: [1, 'sint64', 'repeated'] });
const unsigned: Table<IntegerList> = table<IntegerList>('UintList', { values: [1, 'uint64', 'repeated'] });
const bools: Table<BoolList> = table<BoolList>('BoolList', { values: [1, 'bool', 'repeated'] });
const texts: Table<TextList> = table<TextList>('StringList', { values: [1, 'string', 'repeated'] });
const byteStrings: Table<BytesList> = table<BytesList>('BytesList', { values: [1, 'bytes', 'repeated'] });

export interface RecordValue {
  readonly double?: number | undefined;
  readonly signed?: bigint | undefined;
  readonly unsigned?: bigint | undefined;
  readonly bool?: boolean | undefined;
  readonly text?: string | undefined;
  readonly bytes?: Uint8Array | undefined;
  readonly doubleList?: DoubleList | undefined;
  readonly signedList?: IntegerList | undefined;
  readonly unsignedList?: IntegerList | undefined;
  readonly boolList?: BoolList | undefined;
  readonly textList?: TextList | undefined;
  readonly bytesList?: BytesList | undefined;
}
const recordValue: Table<RecordValue> = table<RecordValue>('RecordValue', {
  double: [1, 'double', 'optional'],
  signed: [2, 'sint64', 'optional'],
  unsigned: [3, 'uint64', 'optional'],
  bool: [4, 'bool', 'optional'],
  text: [5, 'string', 'optional'],
  bytes: [6, 'bytes', 'optional'],
  doubleList: [21, () => doubles, 'optional'],
  signedList: [22, () => signed, 'optional'],
  unsignedList: [23, () => unsigned, 'optional'],
  boolList: [24, () => bools, 'optional'],
  textList: [25, () => texts, 'optional'],
  bytesList: [26, () => byteStrings, 'optional'],
});

export interface RecordItem {
  readonly key: string;
  readonly value?: RecordValue | undefined;
}
const recordItem: Table<RecordItem> = table<RecordItem>('Item', { key: [1, 'string', 'plain'], value: [2, () => recordValue, 'optional'] });

/** The body of a ConfigRecord or MetricRecord object; the latter has numbers and lists of numbers alone. */
export interface ValueRecord {
  readonly items: readonly RecordItem[];
}
export const valueRecord: Table<ValueRecord> = table<ValueRecord>('ValueRecord', { items: [1, () => recordItem, 'repeated'] });
