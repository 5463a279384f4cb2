/**
 * What the events of a ledger come to: a plain function of them, recomputed whenever it is asked for.
 *
 * A unit (row or person) pays every charge to the cohorts that it is in. Which those are is known by hash within a data set and, where a hash
 * matches, across data sets. A data set of other texts may still be about the same people; so every split counts against every other unless the
 * later one was declared to be about different people, under the same hash key, and no hash matches. Where it counts and the unit is not found in it
 * by hash, it may be in either part, and the worse is taken.
 */
import { checkInteger } from '../ground/check.ts';
import { Allowances, covers, type Allowance, type AllowanceBalance } from './allowance.ts';
import { chargesIn, countCharge, type ChargeTally } from './charge-tally.ts';
import { composedEpsilon, type Charge } from './composition.ts';
import type { AllowanceEvent, BudgetEvent, CohortEvent, DataPart, LedgerEvent, Mechanism, PrivacyUnit } from './events.ts';

interface Cohort {
  readonly cohortId: string;
  readonly splitId: string;
  readonly part: DataPart;
  readonly unit: PrivacyUnit;
  /** Keys of its hashes; more than one where it was imported in pieces. */
  readonly keyIds: Set<string>;
  maximumRowsPerPerson: number | null;
  readonly hashes: Set<string>;
  /** Position of the last event that added hashes. */
  lastGrown: number;
  /** Position of the last declaration that it is about people other than those of all that came before; -1 without one. */
  declaredAt: number;
  readonly charges: ChargeTally;
}

interface Split {
  readonly splitId: string;
  readonly unit: PrivacyUnit;
  readonly cohorts: Cohort[];
}

/** A unit's way through the ledger: the cohorts whose charges it pays. */
type Pattern = readonly Cohort[];

/** Charges that are not in the ledger yet, by part. */
export type ExtraCharges = Readonly<Partial<Record<DataPart, readonly Charge[]>>>;

export interface Balance {
  readonly epsilonLimit: number;
  readonly delta: number;
  /** Of the most exposed unit, whatever part it is in. */
  readonly epsilonSpent: number;
  /** Of the most exposed unit of each part. */
  readonly epsilonTraining: number;
  readonly epsilonHeldOut: number;
  /** Some charges that count protect rows where this data set protects persons, and how many rows a person has is not known there. */
  readonly isUnitMixed: boolean;
  /** What these notes brought along as a copy, if they are one: it binds beside the limit. The one that leaves least, where there are several. */
  readonly allowance: Pick<AllowanceBalance, 'epsilon' | 'epsilonSpent'> | null;
  readonly isChainIntact: boolean;
}

/** Limits are kept to this relative slack: a plan calibrated to spend exactly its limit must not fail on the last bit of its last step. */
const LIMIT_SLACK = 1e-9;

export function isWithin(spent: number, limit: number): boolean {
  return spent <= limit * (1 + LIMIT_SLACK);
}

/** Whether what is spent is within the limit, and within what was brought along. */
export function isWithinBudget({ epsilonSpent, epsilonLimit, allowance }: Balance): boolean {
  return isWithin(epsilonSpent, epsilonLimit) && (allowance === null || isWithin(allowance.epsilonSpent, allowance.epsilon));
}

/** Past this many ways to place a unit among other splits, all their parts are added up instead: more, and quickly so. */
const LARGEST_PLACEMENTS = 64;

export class LedgerState {
  readonly #cohorts = new Map<string, Cohort>();
  readonly #splits = new Map<string, Split>();
  readonly #budgets: BudgetEvent[] = [];
  readonly #allowances = new Allowances();
  #inForce: readonly Allowance[] | null = null;
  readonly #ids = new Map<string, LedgerEvent>();
  #patterns = new Map<string, readonly Pattern[]>();
  #relations = new Map<string, boolean>();
  #position = 0;
  #hasLooseEnds = false;

  constructor(events: Iterable<LedgerEvent> = []) {
    for (const event of events) this.add(event);
  }

  /** The event of this id, if there is one. */
  event(id: string): LedgerEvent | undefined {
    return this.#ids.get(id);
  }

  /** Something was charged or declared that fits no cohort: what was spent cannot be told. */
  get hasLooseEnds(): boolean {
    return this.#hasLooseEnds;
  }

  get cohortIds(): readonly string[] {
    return [...this.#cohorts.keys()];
  }

  splitOf(cohortId: string): string | undefined {
    return this.#cohorts.get(cohortId)?.splitId;
  }

  partOf(cohortId: string): DataPart | undefined {
    return this.#cohorts.get(cohortId)?.part;
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

  /** Takes in an event; an id that is known already changes nothing. */
  add(event: LedgerEvent): void {
    const position = this.#position++;
    if (this.#ids.has(event.id)) return;
    this.#ids.set(event.id, event);
    if (event.kind === 'cohort') {
      if (this.fits(event)) this.#addCohort(event, position);
      else this.#hasLooseEnds = true;
    } else if (event.kind === 'budget') {
      this.#budgets.push(event);
    } else if (event.kind === 'charge') {
      const cohort = this.#cohorts.get(event.cohortId);
      if (cohort) countCharge(cohort.charges, event.mechanism);
      else this.#hasLooseEnds = true;
      if (!event.isFromFile) this.#allowances.count(event.cohortId, event.mechanism);
    } else if (event.kind === 'allowance') {
      if (!event.cohortIds.every((id) => this.#cohorts.has(id))) this.#hasLooseEnds = true;
      this.#allowances.add(event);
      this.#inForce = null;
    }
  }

  #addCohort(event: CohortEvent, position: number): void {
    const { cohortId, splitId, part, unit, keyId } = event;
    let split = this.#splits.get(splitId);
    if (!split) this.#splits.set(splitId, (split = { splitId, unit, cohorts: [] }));
    let cohort = this.#cohorts.get(cohortId);
    if (!cohort) {
      cohort = { cohortId, splitId, part, unit, keyIds: new Set(), maximumRowsPerPerson: event.maximumRowsPerPerson, hashes: new Set(), lastGrown: position, declaredAt: -1, charges: new Map() };
      this.#cohorts.set(cohortId, cohort);
      split.cohorts.push(cohort);
    }
    cohort.maximumRowsPerPerson = cohort.maximumRowsPerPerson === null || event.maximumRowsPerPerson === null ? null : Math.max(cohort.maximumRowsPerPerson, event.maximumRowsPerPerson);
    cohort.keyIds.add(keyId);
    const before = cohort.hashes.size;
    for (const hash of event.hashes) cohort.hashes.add(hash);
    if (cohort.hashes.size > before) cohort.lastGrown = position;
    if (event.isDeclaredDisjoint) cohort.declaredAt = position;
    this.#patterns = new Map();
    this.#relations = new Map();
    this.#inForce = null;
  }

  /** Limit and delta of a split: the last limit set, the least delta set; null where none was. */
  budget(splitId: string): { readonly epsilonLimit: number; readonly delta: number } | null {
    const ids = new Set(this.#splits.get(splitId)?.cohorts.map((cohort) => cohort.cohortId));
    const own = this.#budgets.filter((event) => event.cohortIds.some((id) => ids.has(id)));
    const last = own.at(-1);
    return last ? { epsilonLimit: last.epsilonLimit, delta: Math.min(...own.map((event) => event.delta)) } : null;
  }

  /** Whether one split's charges count against another's units. */
  counts(a: string, b: string): boolean {
    const first = this.#splits.get(a);
    const second = this.#splits.get(b);
    if (!first || !second) return false;
    const name = a < b ? `${a} ${b}` : `${b} ${a}`;
    const known = this.#relations.get(name);
    if (known !== undefined) return known;
    const found = first === second || !isIndependent(first, second);
    this.#relations.set(name, found);
    return found;
  }

  /** The splits whose units a charge to this split's units counts against; itself among them. */
  affectedBy(splitId: string): readonly string[] {
    return [...this.#splits.keys()].filter((other) => this.counts(splitId, other));
  }

  /**
   * What a data set's units have spent, and would have after `extra` charges to the parts of `extraSplitId` (itself unless named).
   * Null where no budget is set, for delta is then unknown. `largestDelta`: what it comes to at a smaller delta than the ledger's.
   */
  balance(splitId: string, extra: ExtraCharges = {}, extraSplitId = splitId, largestDelta = Infinity): Balance | null {
    const budget = this.budget(splitId);
    const split = this.#splits.get(splitId);
    if (!budget || !split) return null;
    // One delta for all that counts: the least of theirs.
    const allowances = this.allowances(splitId, extra, largestDelta, extraSplitId);
    const delta = Math.min(budget.delta, largestDelta, ...this.affectedBy(splitId).map((other) => this.budget(other)?.delta ?? Infinity), ...allowances.map((one) => one.delta));
    const epsilonOf = (part: DataPart) => {
      const patterns = split.cohorts.filter((cohort) => cohort.part === part).flatMap((cohort) => this.#patternsOf(cohort));
      if (this.#hasLooseEnds) return Infinity;
      return patterns.reduce((worst, pattern) => Math.max(worst, composedEpsilon(chargesOf(pattern, split.unit, extra, extraSplitId), delta).epsilon), 0);
    };
    const [allowance = null] = [...allowances].sort((a, b) => a.epsilon - a.epsilonSpent - (b.epsilon - b.epsilonSpent));
    const epsilonTraining = epsilonOf('training');
    const epsilonHeldOut = epsilonOf('held-out');
    const counting = this.affectedBy(splitId).flatMap((other) => this.#splits.get(other)?.cohorts ?? []);
    return {
      ...budget,
      delta,
      epsilonSpent: Math.max(epsilonTraining, epsilonHeldOut),
      epsilonTraining,
      epsilonHeldOut,
      isUnitMixed: split.unit === 'person' && counting.some((cohort) => cohort.unit === 'row' && cohort.maximumRowsPerPerson === null && cohort.charges.size > 0),
      allowance: allowance && { epsilon: allowance.epsilon, epsilonSpent: allowance.epsilonSpent },
      isChainIntact: true,
    };
  }

  /** The allowances that a charge to this split counts against, and what they would have spent after `extra` charges to the parts of `extraSplitId`. */
  allowances(splitId: string, extra: ExtraCharges = {}, largestDelta = Infinity, extraSplitId = splitId): readonly AllowanceBalance[] {
    this.#inForce ??= this.#allowances.inForce((cohortIds) => this.#hashesOf(cohortIds));
    return this.#inForce
      .map((allowance) => ({ allowance, cohorts: [...allowance.cohortIds].flatMap((id) => this.#cohorts.get(id) ?? []) }))
      .filter(({ cohorts }) => cohorts.some((cohort) => this.counts(splitId, cohort.splitId)))
      .map(({ allowance, cohorts }) => {
        const { allowanceId, cohortIds, givenBy, epsilon, charges } = allowance;
        const delta = Math.min(allowance.delta, largestDelta);
        const spentBy = (pattern: Pattern, unit: PrivacyUnit) => composedEpsilon(chargesOf(pattern, unit, extra, extraSplitId, charges), delta).epsilon;
        const spent = this.#hasLooseEnds ? Infinity : cohorts.reduce((worst, cohort) => this.#patternsOf(cohort).reduce((most, pattern) => Math.max(most, spentBy(pattern, cohort.unit)), worst), 0);
        return { allowanceId, cohortIds, givenBy, epsilon, delta, epsilonSpent: spent };
      });
  }

  /** Whether an allowance that is held already covers the units of another and has at least as much left: to take the other up would win nothing. */
  holdsAsMuchAs({ cohortIds, epsilon }: AllowanceEvent): boolean {
    const [first] = cohortIds;
    const units = this.#hashesOf(new Set(cohortIds));
    return this.allowances(this.splitOf(first ?? '') ?? '').some((held) => held.epsilon - held.epsilonSpent >= epsilon && covers(this.#hashesOf(held.cohortIds), units));
  }

  #hashesOf(cohortIds: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...cohortIds].flatMap((id) => [...(this.#cohorts.get(id)?.hashes ?? [])]));
  }

  /** Every distinct set of cohorts that a unit of `cohort` may pay for, `cohort` first. */
  #patternsOf(cohort: Cohort): readonly Pattern[] {
    const known = this.#patterns.get(cohort.cohortId);
    if (known) return known;
    const others = [...this.#splits.values()].filter((split) => split.splitId !== cohort.splitId && this.counts(split.splitId, cohort.splitId));
    const patterns = new Map<string, Pattern>();
    // null stands for a unit that no other data set knows by hash.
    const signatures = new Map<string, readonly (readonly Cohort[])[]>();
    for (const hash of [null, ...cohort.hashes]) {
      const found = others.map((split) => (hash === null ? [] : split.cohorts.filter(({ hashes }) => hashes.has(hash))));
      signatures.set(found.map((cohorts) => cohorts.map(({ cohortId }) => cohortId).join('+')).join('|'), found);
    }
    for (const found of signatures.values()) {
      const choices = found.map((matched, index) => (matched.length > 0 ? [matched] : placements(others[index]!, cohort.unit)));
      for (const placed of combinations(choices)) patterns.set(placed.map(({ cohortId }) => cohortId).join('|'), [cohort, ...placed]);
    }
    const list = [...patterns.values()];
    this.#patterns.set(cohort.cohortId, list);
    return list;
  }
}

/** Where a unit that is not found by hash may be in another split: in one part, or, as a person whose rows may have been dealt one by one, in all. */
function placements(split: Split, unit: PrivacyUnit): readonly (readonly Cohort[])[] {
  const [first, second] = split.cohorts;
  const mayStraddle = unit === 'person' && split.unit === 'row' && (split.cohorts.some((cohort) => cohort.maximumRowsPerPerson === null) || (first !== undefined && second !== undefined && sharesHash(first.hashes, second.hashes)));
  return mayStraddle ? [split.cohorts] : split.cohorts.map((cohort) => [cohort]);
}

/** One choice of each, joined; everything joined where the choices are too many. */
function combinations(choices: readonly (readonly (readonly Cohort[])[])[]): readonly Cohort[][] {
  const count = choices.reduce((product, options) => product * Math.max(1, options.length), 1);
  if (count > LARGEST_PLACEMENTS) return [choices.flatMap((options) => [...new Set(options.flat())])];
  return choices.reduce<Cohort[][]>((joined, options) => joined.flatMap((before) => options.map((option) => [...before, ...option])), [[]]);
}

function isIndependent(a: Split, b: Split): boolean {
  const grown = (split: Split) => Math.max(...split.cohorts.map((cohort) => cohort.lastGrown));
  const declared = (split: Split) => Math.min(...split.cohorts.map((cohort) => cohort.declaredAt));
  const isDeclared = declared(a) > grown(b) || declared(b) > grown(a);
  if (!isDeclared) return false;
  return a.cohorts.every((first) => b.cohorts.every((second) => haveOneKey(first, second) && !sharesHash(first.hashes, second.hashes)));
}

/** Whether every hash of both was made under one and the same key: others cannot be compared. */
function haveOneKey(a: Cohort, b: Cohort): boolean {
  return new Set([...a.keyIds, ...b.keyIds]).size === 1;
}

function sharesHash(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  for (const hash of few) if (many.has(hash)) return true;
  return false;
}

/** Charges to the cohorts of a pattern: all of them, or those of `since` alone. */
function chargesOf(pattern: Pattern, unit: PrivacyUnit, extra: ExtraCharges, extraSplitId: string, since?: ReadonlyMap<string, ChargeTally>): Charge[] {
  // Rows whose persons were not known are taken to be shared out among persons as the rows of the unit's own data set are.
  const [own] = pattern;
  return pattern.flatMap((cohort) => {
    const charges: Charge[] = [...chargesIn(since ? since.get(cohort.cohortId) : cohort.charges)];
    if (cohort.splitId === extraSplitId) charges.push(...(extra[cohort.part] ?? []));
    const rows = unit === 'person' && cohort.unit === 'row' ? (cohort.maximumRowsPerPerson ?? own?.maximumRowsPerPerson ?? 1) : 1;
    return rows === 1 ? charges : charges.map(({ mechanism, count }) => ({ mechanism: forSeveralRows(mechanism, rows), count }));
  });
}

/**
 * What a mechanism that protects one row is to a person with `rows` of them: sensitivity `rows` times as large, and a sample of which at least one
 * row is part with probability 1 - (1 - q)^rows. By joint convexity of the hockey-stick divergence the mixture over how many rows were drawn is
 * dominated by that of none or all.
 */
export function forSeveralRows(mechanism: Mechanism, rows: number): Mechanism {
  checkInteger('rows of a person', rows, 1);
  const noiseMultiplier = mechanism.noiseMultiplier / rows;
  if (mechanism.kind === 'gaussian') return { kind: 'gaussian', noiseMultiplier };
  return { kind: 'poisson-gaussian', noiseMultiplier, samplingRate: Math.min(1, -Math.expm1(rows * Math.log1p(-mechanism.samplingRate))) };
}
