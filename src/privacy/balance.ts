/**
 * What the events of a ledger come to: a plain function of them, kept up to date with each.
 *
 * A unit (row or person) pays every charge to the cohorts that it may be in, as often as it may be in them; `data-sets.ts` says which those are. Where
 * there is a choice, the worst is taken.
 */
import { Allowances, covers, type Allowance, type AllowanceBalance } from './allowance.ts';
import { chargesIn, copyOfTally, countCharge, type ChargeTally } from './charge-tally.ts';
import type { Charge } from './composition.ts';
import { DataSets, hasOneNaming, unitsOf, type Cohort, type CommonUnits } from './data-sets.ts';
import type { AllowanceEvent, BudgetEvent, CohortEvent, DataPart, LedgerEvent } from './events.ts';
import { chargesAt, worstEpsilon, type ChargesTo } from './exposure.ts';
import { KnownBounds } from './known-bounds.ts';
import { isSubset, meets, noUnits, type UnitSets } from './unit-sets.ts';

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
  /** Some charges that count protect rows, persons by another column or rows that name nobody, where this data set protects persons, and how many of those a person is was not known. */
  readonly isUnitMixed: boolean;
  /** What these notes brought along as a copy, if they are one: it binds beside the limit. The one that leaves least, where there are several. */
  readonly allowance: Pick<AllowanceBalance, 'epsilon' | 'epsilonSpent'> | null;
  readonly isChainIntact: boolean;
}

/** Why charges would be refused: a data set that may hold the same people would pass its limit, or a copy what it brought along. */
export type Refusal = { readonly kind: 'limit'; readonly splitId: string; readonly epsilonAfter: number; readonly epsilonLimit: number } | { readonly kind: 'allowance'; readonly epsilonAfter: number; readonly epsilonLimit: number };

/** Limits are kept to this relative slack: a plan calibrated to spend exactly its limit must not fail on the last bit of its last step. */
const LIMIT_SLACK = 1e-9;

export function isWithin(spent: number, limit: number): boolean {
  return spent <= limit * (1 + LIMIT_SLACK);
}

interface Limit {
  readonly epsilonLimit: number;
  /** The least that was set. */
  readonly delta: number;
  /** Position of the event that set the limit. */
  readonly setAt: number;
}

interface Budget {
  readonly epsilonLimit: number;
  readonly delta: number;
}

export class LedgerState {
  /** By which epsilon is worked out; shared by all states that follow from one another. */
  readonly bounds: KnownBounds;
  readonly #sets: DataSets;
  readonly #charges: Map<string, ChargeTally>;
  /** By cohort. */
  readonly #limits: Map<string, Limit>;
  readonly #allowances: Allowances;
  readonly #ids: Map<string, LedgerEvent>;
  #inForce: readonly Allowance[] | null = null;
  #budgets = new Map<string, Budget | null>();
  /** The least delta of all data sets that count, by split. */
  #deltas = new Map<string, number>();
  #position: number;
  #hasLooseEnds: boolean;

  /** The state that events lead to, from nothing or from a state that itself stays as it is. */
  constructor(events: Iterable<LedgerEvent> = [], from?: LedgerState, bounds?: KnownBounds) {
    this.bounds = bounds ?? from?.bounds ?? new KnownBounds();
    this.#sets = new DataSets(from ? from.#sets : undefined);
    this.#charges = new Map([...(from ? from.#charges : [])].map(([cohortId, tally]) => [cohortId, copyOfTally(tally)]));
    this.#limits = new Map(from ? from.#limits : []);
    this.#allowances = new Allowances(from ? from.#allowances : undefined);
    this.#ids = new Map(from ? from.#ids : []);
    this.#position = from ? from.#position : 0;
    this.#hasLooseEnds = from ? from.#hasLooseEnds : false;
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
    return this.#sets.cohortIds;
  }

  splitOf(cohortId: string): string | undefined {
    return this.#sets.cohort(cohortId)?.splitId;
  }

  partOf(cohortId: string): DataPart | undefined {
    return this.#sets.cohort(cohortId)?.part;
  }

  /** The hashes that are known of a cohort; none where it is not known. */
  unitsOf(cohortId: string): UnitSets {
    return this.#sets.cohort(cohortId)?.units ?? noUnits;
  }

  cohortIdsOf(splitId: string): readonly string[] {
    return this.#sets.split(splitId)?.cohorts.map(({ cohortId }) => cohortId) ?? [];
  }

  /** Whether an event of this cohort fits what is known of it: same split, part and unit. */
  fits(event: CohortEvent): boolean {
    return this.#sets.fits(event);
  }

  /** The splits that hold these rows and no others, however they were dealt and whatever names their persons. */
  splitsOfRows(rows: ReadonlySet<string>): readonly string[] {
    return this.#sets.splitsOfRows(rows);
  }

  /** Whether two splits hold the same persons. */
  hasPersonsOf(a: string, b: string): boolean {
    const [first, second] = [a, b].map((id) => unitsOf(this.#sets.split(id)?.cohorts ?? []).persons);
    return first !== undefined && second !== undefined && first.size === second.size && isSubset(first, second);
  }

  /** Takes in an event; an id that is known already changes nothing. */
  add(event: LedgerEvent): void {
    const position = this.#position++;
    if (this.#ids.has(event.id)) return;
    this.#ids.set(event.id, event);
    switch (event.kind) {
      case 'cohort':
        if (this.#sets.fits(event)) this.#sets.add(event, position);
        else this.#hasLooseEnds = true;
        this.#forget();
        break;
      case 'budget':
        this.#setLimit(event, position);
        this.#forget();
        break;
      case 'charge':
        if (!this.#sets.cohort(event.cohortId)) this.#hasLooseEnds = true;
        else countCharge(this.#tallyOf(event.cohortId), event.mechanism);
        if (!event.isFromFile) this.#allowances.count(event.cohortId, event.mechanism);
        break;
      case 'allowance':
        if (!event.cohortIds.every((id) => this.#sets.cohort(id))) this.#hasLooseEnds = true;
        this.#allowances.add(event);
        this.#forget();
        break;
    }
  }

  /** What follows from cohorts, limits and allowances is worked out anew. Charges change none of it. */
  #forget(): void {
    this.#inForce = null;
    this.#budgets = new Map();
    this.#deltas = new Map();
  }

  #setLimit({ cohortIds, epsilonLimit, delta }: BudgetEvent, setAt: number): void {
    for (const id of cohortIds) this.#limits.set(id, { epsilonLimit, delta: Math.min(delta, this.#limits.get(id)?.delta ?? Infinity), setAt });
  }

  #tallyOf(cohortId: string): ChargeTally {
    let tally = this.#charges.get(cohortId);
    if (!tally) this.#charges.set(cohortId, (tally = new Map()));
    return tally;
  }

  /** Limit and delta of a split: the last limit set, the least delta set; null where none was. */
  budget(splitId: string): Budget | null {
    let budget = this.#budgets.get(splitId);
    if (budget === undefined) this.#budgets.set(splitId, (budget = this.#budgetOf(splitId)));
    return budget;
  }

  #budgetOf(splitId: string): Budget | null {
    const limits = this.cohortIdsOf(splitId).flatMap((id) => this.#limits.get(id) ?? []);
    const [first, ...rest] = limits;
    if (!first) return null;
    const last = rest.reduce((latest, limit) => (limit.setAt > latest.setAt ? limit : latest), first);
    return { epsilonLimit: last.epsilonLimit, delta: Math.min(...limits.map(({ delta }) => delta)) };
  }

  /** Whether one split's charges count against another's units. */
  counts(a: string, b: string): boolean {
    return this.#sets.counts(a, b);
  }

  /** The splits whose units a charge to this split's units counts against; itself among them. */
  affectedBy(splitId: string): readonly string[] {
    return this.#sets.affectedBy(splitId);
  }

  /**
   * What a data set's units have spent, and would have after `extra` charges to the parts of `extraSplitId` (itself unless named).
   * Null where no budget is set, for delta is then unknown. `largestDelta`: what it comes to at a smaller delta than the ledger's.
   */
  balance(splitId: string, extra: ExtraCharges = {}, extraSplitId = splitId, largestDelta = Infinity): Balance | null {
    const budget = this.budget(splitId);
    const split = this.#sets.split(splitId);
    if (!budget || !split) return null;
    const allowances = this.allowances(splitId, extra, largestDelta, extraSplitId);
    const delta = Math.min(this.#deltaOf(splitId), largestDelta, ...allowances.map((one) => one.delta));
    const chargesTo = this.#chargesTo(extra, extraSplitId);
    const epsilonOf = (part: DataPart) => split.cohorts.filter((cohort) => cohort.part === part).reduce((worst, cohort) => Math.max(worst, this.#epsilonOf(cohort, chargesTo, delta)), 0);
    const [allowance = null] = [...allowances].sort((a, b) => a.epsilon - a.epsilonSpent - (b.epsilon - b.epsilonSpent));
    const epsilonTraining = epsilonOf('training');
    const epsilonHeldOut = epsilonOf('held-out');
    return {
      ...budget,
      delta,
      epsilonSpent: Math.max(epsilonTraining, epsilonHeldOut),
      epsilonTraining,
      epsilonHeldOut,
      isUnitMixed: this.#isUnitMixed(splitId),
      allowance: allowance && { epsilon: allowance.epsilon, epsilonSpent: allowance.epsilonSpent },
      isChainIntact: true,
    };
  }

  /** One delta for all that counts: the least of theirs. */
  #deltaOf(splitId: string): number {
    let delta = this.#deltas.get(splitId);
    if (delta === undefined) this.#deltas.set(splitId, (delta = Math.min(...this.affectedBy(splitId).map((other) => this.budget(other)?.delta ?? Infinity))));
    return delta;
  }

  #chargesTo(extra: ExtraCharges, extraSplitId: string, tallies: ReadonlyMap<string, ChargeTally> = this.#charges): ChargesTo {
    return ({ cohortId, splitId, part }) => [...chargesIn(tallies.get(cohortId)), ...(splitId === extraSplitId ? (extra[part] ?? []) : [])];
  }

  #epsilonOf(cohort: Cohort, chargesTo: ChargesTo, delta: number): number {
    return this.#hasLooseEnds ? Infinity : worstEpsilon(this.#sets.waysOf(cohort), chargesTo, delta, this.bounds);
  }

  #isUnitMixed(splitId: string): boolean {
    const split = this.#sets.split(splitId);
    if (split?.unit !== 'person') return false;
    const others = this.affectedBy(splitId).flatMap((id) => (id === splitId ? [] : (this.#sets.split(id) ?? [])));
    return others.some((other) => other.cohorts.some(({ cohortId, unit, maximumRowsPerPerson, hasUnnamedRows }) => this.#charges.has(cohortId) && ((unit === 'row' && maximumRowsPerPerson === null) || hasUnnamedRows || !hasOneNaming(split, other))));
  }

  /**
   * Whether charges to this split's parts would be refused, and why; null where they would not. It is what a charge is held to and what a forecast asks.
   * A data set without a budget was never released from; its own first budget will find these charges.
   */
  refusal(splitId: string, extra: ExtraCharges): Refusal | null {
    // The tight answer takes longer, and can only be less.
    return this.#refusal(splitId, extra) && this.bounds.tightly(() => this.#refusal(splitId, extra));
  }

  #refusal(splitId: string, extra: ExtraCharges): Refusal | null {
    for (const { epsilon, epsilonSpent } of this.allowances(splitId, extra)) {
      if (!isWithin(epsilonSpent, epsilon)) return { kind: 'allowance', epsilonAfter: epsilonSpent, epsilonLimit: epsilon };
    }
    const chargesTo = this.#chargesTo(extra, splitId);
    // Most data sets add up with the same ones: a unit that pays for everything is composed once for all of them.
    const ceilings = new Map<string, number>();
    for (const other of [splitId, ...this.affectedBy(splitId).filter((id) => id !== splitId)]) {
      const budget = this.budget(other);
      if (!budget) continue;
      const delta = Math.min(this.#deltaOf(other), ...this.allowances(other, extra, Infinity, splitId).map((one) => one.delta));
      const { name, stops } = this.#sets.everyStopOf(other);
      const key = `${delta} ${name}`;
      const ceiling = ceilings.get(key) ?? (this.#hasLooseEnds ? Infinity : this.bounds.epsilonOf(chargesAt(stops, chargesTo), delta));
      ceilings.set(key, ceiling);
      if (isWithin(ceiling, budget.epsilonLimit)) continue;
      const after = this.balance(other, extra, splitId);
      if (after && !isWithin(after.epsilonSpent, after.epsilonLimit)) return { kind: 'limit', splitId: other, epsilonAfter: after.epsilonSpent, epsilonLimit: after.epsilonLimit };
    }
    return null;
  }

  /** Another data set with a limit that a charge to this one counts against, and that has less of it left; null where none has. */
  tighterThan(splitId: string): string | null {
    const left = (id: string) => {
      const balance = this.balance(id);
      return balance ? balance.epsilonLimit - balance.epsilonSpent : Infinity;
    };
    const own = left(splitId);
    return this.affectedBy(splitId).find((other) => other !== splitId && left(other) < own) ?? null;
  }

  /** Whether something counts against this split that would not, were it declared now to be about people other than those of all the others. */
  countsUndeclared(splitId: string): boolean {
    const ids = new Set(this.#sets.declarableOf(splitId).flatMap((other) => this.cohortIdsOf(other)));
    return [...ids].some((id) => this.#charges.has(id)) || (ids.size > 0 && this.allowances(splitId).some(({ cohortIds }) => meets(cohortIds, ids)));
  }

  /** The other data sets that count, were charged or have a limit, and hold some of this one's units. */
  commonWith(splitId: string): readonly CommonUnits[] {
    return this.#sets.commonWith(splitId).filter(({ splitId: other }) => this.budget(other) !== null || this.cohortIdsOf(other).some((id) => this.#charges.has(id)));
  }

  /** The allowances that a charge to this split counts against, and what they would have spent after `extra` charges to the parts of `extraSplitId`. */
  allowances(splitId: string, extra: ExtraCharges = {}, largestDelta = Infinity, extraSplitId = splitId): readonly AllowanceBalance[] {
    this.#inForce ??= this.#allowances.inForce((cohortIds) => unitsOf(this.#cohortsOf(cohortIds)));
    return this.#inForce
      .map((allowance) => ({ allowance, cohorts: this.#cohortsOf(allowance.cohortIds) }))
      .filter(({ cohorts }) => cohorts.some((cohort) => this.counts(splitId, cohort.splitId)))
      .map(({ allowance, cohorts }) => {
        const { allowanceId, cohortIds, givenBy, epsilon, charges } = allowance;
        const delta = Math.min(allowance.delta, largestDelta);
        const chargesTo = this.#chargesTo(extra, extraSplitId, charges);
        // Where nothing was given, no delta was either: the least noisy of releases would spend the origin's a second time.
        const measuredAt = epsilon === 0 ? 0 : delta;
        return { allowanceId, cohortIds, givenBy, epsilon, delta, epsilonSpent: cohorts.reduce((worst, cohort) => Math.max(worst, this.#epsilonOf(cohort, chargesTo, measuredAt)), 0) };
      });
  }

  /** Whether an allowance that is held already covers the units of another and has at least as much left: to take the other up would win nothing. */
  holdsAsMuchAs({ cohortIds, epsilon }: AllowanceEvent): boolean {
    const [first] = cohortIds;
    const units = unitsOf(this.#cohortsOf(new Set(cohortIds)));
    return this.allowances(this.splitOf(first ?? '') ?? '').some((held) => held.epsilon - held.epsilonSpent >= epsilon && covers(unitsOf(this.#cohortsOf(held.cohortIds)), units));
  }

  #cohortsOf(cohortIds: ReadonlySet<string>): readonly Cohort[] {
    return [...cohortIds].flatMap((id) => this.#sets.cohort(id) ?? []);
  }
}
