import { isJsonObject } from '../../engine/model/json.ts';
import type { Compare, FieldTable } from './compare.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The file that an entry comes from, for what lies beside it. */
export interface Source {
  readonly folder: string;
  readonly json: JsonObject;
  /** Position of the entry in its family. */
  readonly index: number;
  /** For tests: what takes long is done for some entries only; see `isDue`. */
  readonly isQuick: boolean;
}

/** Whether a comparison of a tenth of a second and more is made for this entry: always, or for every eighth one. */
export function isDue({ index, isQuick }: Source): boolean {
  return !isQuick || index % 8 === 0;
}

/** Entries of one kind. */
export interface Family {
  readonly name: string;
  readonly fields: FieldTable;
  readonly check: (entry: JsonObject, compare: Compare, source: Source) => void | Promise<void>;
}

/** One kind of reference file. */
export interface Format {
  readonly name: string;
  /** By content, so that a file may have any name. */
  readonly isFormat: (json: JsonObject) => boolean;
  /** The families, or the one of a name where the file's content names them. */
  readonly families: readonly Family[] | ((name: string) => Family | undefined);
  /** The file's entries by family; a family that `families` does not have is unknown. */
  readonly entriesOf: (json: JsonObject) => ReadonlyMap<string, readonly JsonObject[]>;
}

/** A list of entries, or one entry. Values that are no objects become one: { value }. */
function asEntries(value: unknown): readonly JsonObject[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => (isJsonObject(item) ? item : { value: item }));
}

/** Every key but `meta` and `others` names a family. */
export function entriesByKey(others: readonly string[] = []): Format['entriesOf'] {
  return (json) => new Map(Object.entries(json).filter(([key]) => key !== 'meta' && !others.includes(key)).map(([key, value]) => [key, asEntries(value)]));
}

function fieldError(field: string, expected: string): Error {
  return new Error(`field ${field} is not ${expected}`);
}

export function numberOf(entry: JsonObject, field: string): number {
  const value = entry[field];
  if (typeof value !== 'number') throw fieldError(field, 'a number');
  return value;
}

export function textOf(entry: JsonObject, field: string): string {
  const value = entry[field];
  if (typeof value !== 'string') throw fieldError(field, 'a text');
  return value;
}

export function objectOf(entry: JsonObject, field: string): JsonObject {
  const value = entry[field];
  if (!isJsonObject(value)) throw fieldError(field, 'an object');
  return value;
}

export function listOf(entry: JsonObject, field: string): readonly unknown[] {
  const value = entry[field];
  if (!Array.isArray(value)) throw fieldError(field, 'a list');
  return value;
}

export function numbersOf(entry: JsonObject, field: string): readonly number[] {
  return listOf(entry, field).map((value) => {
    if (typeof value !== 'number') throw fieldError(field, 'a list of numbers');
    return value;
  });
}

/** A recorded value: number, text, truth or null. */
export function recordedOf(entry: JsonObject, field: string): number | string | boolean | null {
  const value = entry[field];
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  throw fieldError(field, 'a plain value');
}
