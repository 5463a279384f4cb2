/** The keyed hashes of some rows and persons. A row matches a row alone and a person a person; a hash of which nobody knows what it names may be either. */
import type { CohortEvent } from './events.ts';

export interface UnitSets {
  readonly rows: ReadonlySet<string>;
  readonly persons: ReadonlySet<string>;
  /** From events of before rows and persons were told apart. */
  readonly either: ReadonlySet<string>;
}

export const noUnits: UnitSets = { rows: new Set(), persons: new Set(), either: new Set() };

/** The same sets where an event brings nothing new. */
export function withUnitsOf(known: UnitSets, { rowHashes = [], personHashes = [], hashes = [] }: Pick<CohortEvent, 'rowHashes' | 'personHashes' | 'hashes'>): UnitSets {
  const rows = union(known.rows, rowHashes);
  const persons = union(known.persons, personHashes);
  const either = union(known.either, hashes);
  return rows === known.rows && persons === known.persons && either === known.either ? known : { rows, persons, either };
}

function union(set: ReadonlySet<string>, more: readonly string[]): ReadonlySet<string> {
  return more.every((hash) => set.has(hash)) ? set : new Set([...set, ...more]);
}

/** Every hash, whatever it names. */
export function hashesIn({ rows, persons, either }: UnitSets): ReadonlySet<string> {
  if (either.size === 0 && persons.size === 0) return rows;
  return new Set([...rows, ...persons, ...either]);
}

/** The units of `a` that may be in `b`. */
export function commonUnits(a: UnitSets, b: UnitSets): UnitSets {
  return {
    rows: filtered(a.rows, (hash) => b.rows.has(hash) || b.either.has(hash)),
    persons: filtered(a.persons, (hash) => b.persons.has(hash) || b.either.has(hash)),
    either: filtered(a.either, (hash) => b.rows.has(hash) || b.persons.has(hash) || b.either.has(hash)),
  };
}

function filtered(set: ReadonlySet<string>, isIn: (hash: string) => boolean): ReadonlySet<string> {
  const found = new Set<string>();
  for (const hash of set) if (isIn(hash)) found.add(hash);
  return found;
}

export function isSubset(few: ReadonlySet<string>, many: ReadonlySet<string>): boolean {
  if (few.size > many.size) return false;
  for (const hash of few) if (!many.has(hash)) return false;
  return true;
}

/** Whether some row may be in both. */
export function sharesRow(a: UnitSets, b: UnitSets): boolean {
  return meets(a.rows, b.rows) || meets(a.either, b.either) || meets(a.either, b.rows) || meets(b.either, a.rows);
}

/** Whether some unit may be in both. */
export function sharesUnit(a: UnitSets, b: UnitSets): boolean {
  return sharesRow(a, b) || meets(a.persons, b.persons) || meets(a.either, b.persons) || meets(b.either, a.persons);
}

/** Whether some hash is in both. */
export function meets(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  for (const hash of few) if (many.has(hash)) return true;
  return false;
}
