/**
 * Which data sets a ledger knows, which of them count against which, and where a unit of one may be in another.
 *
 * A data set of other texts may still be about the same people; so every split counts against every other unless the later one was declared to be
 * about different people, under the same hash key, and no hash matches. Where it counts, a unit is in one of its parts only if both data sets mean the
 * same by a person: they name persons by one column, and no row that is in both speaks against it; every row there names its person; and no unit is found
 * in both parts. Else a person here may be several persons there (a patient, and her encounters, or rows that name nobody) and lie in both parts.
 */
import type { CohortEvent, DataPart, PrivacyUnit } from './events.ts';
import { commonUnits, hashesIn, isSubset, meets, noUnits, sharesRow, sharesUnit, withUnitsOf, type UnitSets } from './unit-sets.ts';

export interface Cohort {
  readonly cohortId: string;
  readonly splitId: string;
  readonly part: DataPart;
  readonly unit: PrivacyUnit;
  /** Keys of its hashes; more than one where it was imported in pieces. */
  readonly keyIds: ReadonlySet<string>;
  readonly maximumRowsPerPerson: number | null;
  readonly maximumRowsPerText: number;
  /** What names its persons; null where nobody knows. */
  readonly personNaming: string | null;
  readonly hasUnnamedRows: boolean;
  readonly units: UnitSets;
  /** Position of the last event that added hashes. */
  readonly lastGrown: number;
  /** Position of the last declaration that it is about people other than those of all that came before; -1 without one. */
  readonly declaredAt: number;
  /** All its rows are made up. */
  readonly isAboutNobody: boolean;
}

/** A data set as it was dealt: its two parts. A value, as cohorts are: what follows from some of them is kept by identity. */
export interface Split {
  readonly splitId: string;
  readonly unit: PrivacyUnit;
  readonly cohorts: readonly Cohort[];
}

/** A cohort that a unit may be in, and how many of that cohort's own units it weighs there: `unitsIn`. */
export interface Stop {
  readonly cohort: Cohort;
  readonly count: number;
}

/** The ways of a cohort's units through the ledger: the cohort itself, and for every other split that counts the places where a unit may be in it. */
export interface Ways {
  readonly own: Cohort;
  readonly others: readonly (readonly (readonly Stop[])[])[];
}

/** What of a data set's units another one that counts holds as well: for these it does not hold that they are of other people. */
export interface CommonUnits {
  readonly splitId: string;
  readonly units: UnitSets;
  /** One column names the persons of both, and texts that are in both stand under names that do not match. */
  readonly isNamedOtherwise: boolean;
  /** By how many clip norms, at most, a release there moves with one unit of here: as if its noise were smaller by as much. */
  readonly clipNorms: number;
}

/** Every stop of every unit of a split. Of two splits with the same stops the name is the same. */
export interface EveryStop {
  readonly name: string;
  readonly stops: readonly Stop[];
}

export class DataSets {
  readonly #cohorts: Map<string, Cohort>;
  readonly #splits: Map<string, Split>;
  #affected = new Map<string, readonly string[]>();
  #ways = new Map<string, Ways>();
  #everyStop = new Map<string, EveryStop>();

  constructor(known?: DataSets) {
    this.#cohorts = new Map(known ? known.#cohorts : []);
    this.#splits = new Map(known ? known.#splits : []);
  }

  get cohortIds(): readonly string[] {
    return [...this.#cohorts.keys()];
  }
  get splits(): readonly Split[] {
    return [...this.#splits.values()];
  }
  cohort(cohortId: string): Cohort | undefined {
    return this.#cohorts.get(cohortId);
  }
  split(splitId: string): Split | undefined {
    return this.#splits.get(splitId);
  }

  /** Whether an event of this cohort fits what is known of it: same split, part and unit. */
  fits(event: CohortEvent): boolean {
    const known = this.#cohorts.get(event.cohortId);
    const split = this.#splits.get(event.splitId);
    return (
      (known === undefined || (known.splitId === event.splitId && known.part === event.part)) &&
      (split === undefined || (split.unit === event.unit && split.cohorts.every((cohort) => cohort.cohortId === event.cohortId || cohort.part !== event.part)))
    );
  }

  /** Takes in an event that fits. */
  add(event: CohortEvent, position: number): void {
    const { cohortId, splitId, unit } = event;
    const cohort = grown(this.#cohorts.get(cohortId), event, position);
    const split = this.#splits.get(splitId);
    const cohorts = split?.cohorts.some((one) => one.cohortId === cohortId) ? split.cohorts.map((one) => (one.cohortId === cohortId ? cohort : one)) : [...(split?.cohorts ?? []), cohort];
    this.#cohorts.set(cohortId, cohort);
    this.#splits.set(splitId, { splitId, unit, cohorts });
    this.#affected = new Map();
    this.#ways = new Map();
    this.#everyStop = new Map();
  }

  /** Whether one split's charges count against another's units. */
  counts(a: string, b: string): boolean {
    const [first, second] = [this.#splits.get(a), this.#splits.get(b)];
    return first !== undefined && second !== undefined && (first === second || !isIndependent(first, second));
  }

  /** The splits whose units a charge to this split's units counts against; itself among them. */
  affectedBy(splitId: string): readonly string[] {
    let affected = this.#affected.get(splitId);
    if (!affected) this.#affected.set(splitId, (affected = [...this.#splits.keys()].filter((other) => this.counts(splitId, other))));
    return affected;
  }

  /** The other splits that count against this one and would not, were it declared now to be about other people. */
  declarableOf(splitId: string): readonly string[] {
    const own = this.#splits.get(splitId);
    return this.affectedBy(splitId).filter((id) => {
      const other = this.#splits.get(id);
      return own !== undefined && other !== undefined && other !== own && wouldBeIndependent(own, other);
    });
  }

  /** The other splits that count against this one and hold some of its units. */
  commonWith(splitId: string): readonly CommonUnits[] {
    const own = this.#splits.get(splitId);
    if (!own) return [];
    const ownUnits = unitsOf(own.cohorts);
    const stops = own.cohorts.flatMap((cohort) => this.waysOf(cohort).others.flat(2));
    return this.affectedBy(splitId).flatMap((id) => {
      const other = this.#splits.get(id);
      if (!other || other === own) return [];
      const units = commonUnits(ownUnits, unitsOf(other.cohorts));
      if (hashesIn(units).size === 0) return [];
      const clipNorms = stops.reduce((most, { cohort, count }) => (cohort.splitId === id ? Math.max(most, count) : most), 1);
      return [{ splitId: id, units, clipNorms, isNamedOtherwise: ofOneColumn(own, other) && areNamedOtherwise(own, other) }];
    });
  }

  waysOf(cohort: Cohort): Ways {
    let ways = this.#ways.get(cohort.cohortId);
    if (!ways) {
      const own = this.#splits.get(cohort.splitId);
      const others = this.affectedBy(cohort.splitId).flatMap((id) => (id === cohort.splitId || !own ? [] : (this.#splits.get(id) ?? [])));
      this.#ways.set(cohort.cohortId, (ways = { own: cohort, others: own ? [...beside(own, cohort), ...others.map((other) => placesIn(other, own, cohort))] : [] }));
    }
    return ways;
  }

  everyStopOf(splitId: string): EveryStop {
    let every = this.#everyStop.get(splitId);
    if (!every) {
      const counts = new Map<string, number>();
      for (const own of this.#splits.get(splitId)?.cohorts ?? []) {
        for (const { cohort, count } of [{ cohort: own, count: 1 }, ...this.waysOf(own).others.flat(2)]) counts.set(cohort.cohortId, Math.max(counts.get(cohort.cohortId) ?? 1, count));
      }
      const list = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
      this.#everyStop.set(splitId, (every = { name: list.map(([id, count]) => `${id} ${count}`).join(), stops: list.flatMap(([id, count]) => {
        const cohort = this.#cohorts.get(id);
        return cohort ? [{ cohort, count }] : [];
      }) }));
    }
    return every;
  }

  /** The splits that hold these rows and no others, however they were dealt. */
  splitsOfRows(rows: ReadonlySet<string>): readonly string[] {
    return this.splits.filter(({ cohorts }) => {
      const own = cohorts.flatMap(({ units }) => [...units.rows, ...units.either]);
      return own.every((hash) => rows.has(hash)) && new Set(own).size === rows.size && rows.size > 0;
    }).map(({ splitId }) => splitId);
  }
}

function grown(known: Cohort | undefined, event: CohortEvent, position: number): Cohort {
  const { cohortId, splitId, part, unit, keyId, maximumRowsPerPerson, isDeclaredDisjoint, declaredBefore = position } = event;
  const personNaming = event.personNaming ?? null;
  const units = withUnitsOf(known?.units ?? noUnits, event);
  const keyIds = new Set([...(known?.keyIds ?? []), keyId]);
  return {
    cohortId, splitId, part, unit, units, keyIds, personNaming: !known || known.personNaming === personNaming ? personNaming : null,
    maximumRowsPerPerson: !known ? maximumRowsPerPerson : known.maximumRowsPerPerson === null || maximumRowsPerPerson === null ? null : Math.max(known.maximumRowsPerPerson, maximumRowsPerPerson),
    maximumRowsPerText: Math.max(known?.maximumRowsPerText ?? 1, event.maximumRowsPerText ?? 1),
    hasUnnamedRows: (known?.hasUnnamedRows ?? false) || (event.hasUnnamedRows ?? true),
    lastGrown: known && units === known.units ? known.lastGrown : position,
    declaredAt: Math.max(isDeclaredDisjoint ? Math.min(declaredBefore, position) : -1, known?.declaredAt ?? -1),
    // It holds for the event's own rows: for the cohort's too where there are no others, and none that are not at hand.
    isAboutNobody: keyIds.size === 1 && (event.isAboutNobody === true ? isSameSize(units, withUnitsOf(noUnits, event)) : known?.isAboutNobody === true && units === known.units),
  };
}

/** Where a row may be in its own split once more: dealt by their persons, two rows of one text may lie in both parts, and the text is one unit. */
function beside(split: Split, cohort: Cohort): readonly (readonly (readonly Stop[])[])[] {
  const twice = cohort.unit === 'row' ? unitsInBothParts(split) : noUnits;
  if (twice.rows.size === 0 && twice.either.size === 0) return [];
  return [[split.cohorts.filter((other) => other !== cohort).map((other) => ({ cohort: other, count: 1 }))]];
}

/** Where a unit of `cohort` may be in another split. */
function placesIn(other: Split, split: Split, cohort: Cohort): readonly (readonly Stop[])[] {
  const stops = other.cohorts.map((one): Stop => ({ cohort: one, count: unitsIn(one, other, split, cohort) }));
  return mayStraddle(cohort, split, other) ? [stops] : stops.map((stop) => [stop]);
}

function mayStraddle(cohort: Cohort, split: Split, other: Split): boolean {
  if (!hasOneNaming(split, other) || other.cohorts.some(({ hasUnnamedRows }) => hasUnnamedRows)) return true;
  const twice = unitsInBothParts(other);
  if (twice.persons.size > 0 || twice.either.size > 0) return true;
  // A text that lies in both parts is of two persons; whose notes are told apart by their texts may be the one that lies there twice.
  return twice.rows.size > 0 && ((cohort.unit === 'person' && other.unit === 'row') || sharesUnit(twice, cohort.units));
}

/**
 * By how many clip norms, at most, a release from a cohort elsewhere moves with one unit of `own`: one for each of that cohort's units that goes with it
 * whole, two for each that it is only a part of (a row of a person's, a patient of a ward's), for what is left of that one is clipped anew.
 */
function unitsIn(cohort: Cohort, other: Split, split: Split, own: Cohort): number {
  // Where a row names nobody, all rows of its text are one unit, among persons too.
  const ofText = cohort.maximumRowsPerText === 1 ? 1 : 2;
  const ofPerson = cohort.maximumRowsPerPerson === 1 ? 1 : 2;
  const apiece = cohort.unit === 'row' ? ofText : cohort.hasUnnamedRows ? Math.max(ofText, ofPerson) : ofPerson;
  // A text is one unit among rows; where it stands in several rows, these may be of as many persons.
  const ofOneText = Math.max(own.maximumRowsPerText, cohort.maximumRowsPerText);
  if (own.unit === 'row') return cohort.unit === 'row' ? 1 : ofOneText * apiece;
  // Where nobody knows, those of a person are taken to be as many as the person's rows in the unit's own data set.
  const rowsHere = Math.max(own.maximumRowsPerPerson ?? 1, own.hasUnnamedRows ? ofOneText : 1);
  // But a row of here that names nobody there says that she may have such rows beside those that name her; not where all notes of there are here, each with its person.
  const namesSome = cohort.maximumRowsPerPerson !== null || cohort.units.persons.size + cohort.units.either.size > 0;
  const mayHaveMore = cohort.hasUnnamedRows && namesSome && sharesRow(own.units, cohort.units) && !(areSameNotes(split, other) && split.cohorts.every(({ hasUnnamedRows }) => !hasUnnamedRows));
  if (hasOneNaming(split, other)) {
    // Its rows of a person were counted with what texts of several persons weigh.
    if (cohort.unit === 'row' && !cohort.hasUnnamedRows) return cohort.maximumRowsPerPerson ?? rowsHere * apiece;
    // The person goes with all rows that name her there; and with every row that names nobody and may be hers.
    if (cohort.unit === 'person' && !own.hasUnnamedRows) return !cohort.hasUnnamedRows ? 1 : Math.max(rowsHere * ofText + (mayHaveMore ? 1 : 0), cohort.maximumRowsPerPerson ?? 1);
  }
  const byName = cohort.unit === 'row' || cohort.hasUnnamedRows ? (cohort.maximumRowsPerPerson ?? 1) : 1;
  return mayHaveMore ? rowsHere * apiece + byName : Math.max(rowsHere * apiece, byName);
}

/** Whether two data sets are the same rows of the same persons, dealt or blanked otherwise: where one names a person in every row, she has no more rows in the other. */
function areSameNotes(a: Split, b: Split): boolean {
  return ofBoth(sameNotes, a, b, () => {
    const [first, second] = [a, b].map(({ cohorts }) => unitsOf(cohorts));
    return first !== undefined && second !== undefined && first.either.size + second.either.size === 0 && isSameSize(first, second) && isSubset(first.rows, second.rows) && isSubset(first.persons, second.persons);
  });
}

/** Whether two data sets mean the same by a person: they name persons by one column, and no row that is in both speaks against it. */
export function hasOneNaming(a: Split, b: Split): boolean {
  return ofBoth(namings, a, b, () => ofOneColumn(a, b) && !areNamedOtherwise(a, b));
}

function ofOneColumn(a: Split, b: Split): boolean {
  const columns = new Set([...a.cohorts, ...b.cohorts].map(({ personNaming }) => personNaming));
  return columns.size === 1 && !columns.has(null);
}

/** One header may name patients in one file and visits in the other. Rows that are in both have their persons in both then, and these do not match. */
function areNamedOtherwise(a: Split, b: Split): boolean {
  const [first, second] = [a, b].map(({ cohorts }) => ({
    rows: new Set(cohorts.flatMap(({ units }) => [...units.rows])), persons: new Set(cohorts.flatMap(({ units }) => [...units.persons])), isWhole: cohorts.every(({ hasUnnamedRows }) => !hasUnnamedRows),
  }));
  if (!first || !second || !meets(first.rows, second.rows)) return false;
  if (!meets(first.persons, second.persons)) return true;
  const speaksAgainst = (few: typeof first, many: typeof first) => many.isWhole && isSubset(few.rows, many.rows) && !isSubset(few.persons, many.persons);
  return speaksAgainst(first, second) || speaksAgainst(second, first);
}

/** What follows from two values alone is worked out once for all states of a ledger that hold them. */
type OfTwo = WeakMap<Split, WeakMap<Split, boolean>>;
const namings: OfTwo = new WeakMap();
const independence: OfTwo = new WeakMap();
const sameNotes: OfTwo = new WeakMap();
const inBothParts = new WeakMap<Split, UnitSets>();

function unitsInBothParts(split: Split): UnitSets {
  let twice = inBothParts.get(split);
  if (!twice) {
    const [first, second] = split.cohorts;
    inBothParts.set(split, (twice = first && second ? commonUnits(first.units, second.units) : noUnits));
  }
  return twice;
}

function ofBoth(known: OfTwo, a: Split, b: Split, workOut: () => boolean): boolean {
  let own = known.get(a);
  if (!own) known.set(a, (own = new WeakMap()));
  let found = own.get(b);
  if (found === undefined) own.set(b, (found = known.get(b)?.get(a) ?? workOut()));
  return found;
}

function isIndependent(a: Split, b: Split): boolean {
  return ofBoth(independence, a, b, () => isDeclaredIndependent(a, b));
}

function isDeclaredIndependent(a: Split, b: Split): boolean {
  const isAboutNobody = (split: Split) => split.cohorts.every((cohort) => cohort.isAboutNobody);
  if (isAboutNobody(a) || isAboutNobody(b)) return a.cohorts.every((first) => b.cohorts.every((second) => !sharesUnit(first.units, second.units)));
  const grownAt = (split: Split) => Math.max(...split.cohorts.map((cohort) => cohort.lastGrown));
  const declaredAt = (split: Split) => Math.min(...split.cohorts.map((cohort) => cohort.declaredAt));
  if (!(declaredAt(a) > grownAt(b) || declaredAt(b) > grownAt(a))) return false;
  return wouldBeIndependent(a, b);
}

/** Whether a declaration that they are about different people would be honoured: nothing of it can be seen to be wrong. */
function wouldBeIndependent(a: Split, b: Split): boolean {
  return a.cohorts.every((first) => b.cohorts.every((second) => haveOneKey(first, second) && !sharesUnit(first.units, second.units)));
}

function isSameSize(a: UnitSets, b: UnitSets): boolean {
  return a.rows.size === b.rows.size && a.persons.size === b.persons.size && a.either.size === b.either.size;
}

/** Whether every hash of both was made under one and the same key: others cannot be compared. */
function haveOneKey(a: Cohort, b: Cohort): boolean {
  return new Set([...a.keyIds, ...b.keyIds]).size === 1;
}

/** All rows and persons of some cohorts, and what names the persons, where it is known. */
export interface NamedUnits extends UnitSets {
  readonly namings: ReadonlySet<string>;
}

export function unitsOf(cohorts: readonly Cohort[]): NamedUnits {
  const all = (kind: keyof UnitSets) => new Set(cohorts.flatMap(({ units }) => [...units[kind]]));
  return { rows: all('rows'), persons: all('persons'), either: all('either'), namings: new Set(cohorts.flatMap(({ personNaming }) => personNaming ?? [])) };
}
