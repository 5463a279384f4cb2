import { checkNonNegative, checkPositive } from '../ground/check.ts';
import type { BedsideError } from '../ground/errors.ts';
import { LedgerState, type Balance, type ExtraCharges } from './balance.ts';
import { shareEvents } from './budget-share.ts';
import { canonicalJson, chainEvents, headOf, isChainIntact } from './chain.ts';
import { checkMechanism, type Charge } from './composition.ts';
import { KnownBounds } from './known-bounds.ts';
import type { ChargeEvent, LedgerEntry, LedgerEvent, LedgerHead, LedgerStore } from './events.ts';
import { newHashesOf, withoutKnownLimits } from './ledger-import.ts';
import { allowanceExhausted, alreadyCharged, budgetExhausted, budgetNotSet, deltaRises, eventInvalid, importConflict, ledgerBroken, ledgerUnreadable } from './ledger-errors.ts';

/** How often an append is tried anew after somebody else's came between. */
const LARGEST_RETRIES = 3;

/** Events, or how they follow from the ledger as it is when they are written: another instance may have written in between. */
export type EventsToAppend = readonly LedgerEvent[] | ((state: LedgerState) => readonly LedgerEvent[]);

/**
 * The ledger of privacy spending: append-only events in a hash chain over a durable store.
 * Guarantee: `charge` resolves only after the store says that the charge would survive a power cut, and never takes a unit of any data set
 * past its limit; what is spent is at least what was released. A store that cannot be read, a broken chain or a head that disagrees counts as
 * everything spent: epsilon is Infinity and every charge is refused.
 * The limit is on what the releases charged compose to. It holds as a filter, whoever picks the next release in the light of earlier ones, for full batches, for runs
 * settled beforehand wherever they stop, and for more steps of one kind; where kinds of losses are mixed after a look it is not proven (NOISE.md, 'A limit is a filter').
 * It is of ideal noise: what samplers are off their laws adds (1 + e^limit) times as much to delta, which statements say beside epsilon (NOISE.md, 'What it does to delta').
 * Calls are carried out one after the other; two instances over one store are told apart by the store's head.
 */
export class Ledger {
  readonly #store: LedgerStore;
  readonly #now: () => number;
  #entries: readonly LedgerEntry[] = [];
  #head: LedgerHead | null = null;
  #isChainIntact = false;
  /** The store could not be read when it was last tried: what it holds is not known, and may be sound. */
  #isUnread = false;
  #state: LedgerState;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(store: LedgerStore, now: () => number, bounds: KnownBounds) {
    this.#store = store;
    this.#now = now;
    this.#state = new LedgerState([], undefined, bounds);
  }

  /** Reads and verifies the whole chain. `now` gives milliseconds since 1970, kept for information; `bounds` what is known of epsilon from before. */
  static async open(store: LedgerStore, now: () => number, bounds = new KnownBounds()): Promise<Ledger> {
    const ledger = new Ledger(store, now, bounds);
    await ledger.#load();
    return ledger;
  }

  get isChainIntact(): boolean {
    return this.#isChainIntact;
  }
  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }
  get head(): LedgerHead | null {
    return this.#head;
  }
  /** By which epsilon is worked out: `tightly` here takes longer and says less. */
  get bounds(): KnownBounds {
    return this.#state.bounds;
  }
  get cohortIds(): readonly string[] {
    return this.#state.cohortIds;
  }

  /** What the units of a data set have spent; null where the ledger is sound and no budget is set for it. */
  balance(splitId: string): Balance | null {
    return this.balanceAfter(splitId, {});
  }

  /** What they would have spent after further charges to the parts of this data set. */
  balanceAfter(splitId: string, extra: ExtraCharges): Balance | null {
    if (this.#isChainIntact) return this.#state.balance(splitId, extra);
    const budget = this.#state.budget(splitId) ?? { epsilonLimit: 0, delta: 0 };
    return { ...budget, epsilonSpent: Infinity, epsilonTraining: Infinity, epsilonHeldOut: Infinity, isUnitMixed: false, allowance: null, isChainIntact: false };
  }

  /**
   * Epsilon of the most exposed unit of a cohort after further charges to it; Infinity where that cannot be said.
   */
  epsilonAfter(cohortId: string, extra: readonly Charge[]): number {
    const splitId = this.#state.splitOf(cohortId);
    const part = this.#state.partOf(cohortId);
    if (splitId === undefined || part === undefined) return Infinity;
    const balance = this.balanceAfter(splitId, { [part]: extra });
    if (!balance) return Infinity;
    return part === 'training' ? balance.epsilonTraining : balance.epsilonHeldOut;
  }

  /** The state that further events would lead to, for a forecast; nothing is written. */
  preview(events: readonly LedgerEvent[]): LedgerState {
    return new LedgerState(events, this.#state);
  }

  /** Appends cohorts, budgets and runs; events whose id is known are left out. Spending goes through `charge` alone. */
  append(events: EventsToAppend): Promise<void> {
    return this.#inTurn(() =>
      this.#write(() => {
        if (!this.#isChainIntact) throw this.#notReady();
        const fresh = this.#unknown(this.#decided(events));
        for (const event of fresh) {
          if (event.kind === 'charge') throw eventInvalid('charge', 'charges to go through charge()');
          if (event.kind === 'allowance') throw eventInvalid('allowance', 'allowances to come with a file, or to fall by share()');
        }
        this.#check(fresh);
        const state = this.preview(fresh.filter((event) => event.kind !== 'budget'));
        for (const event of fresh) if (event.kind === 'budget') this.#checkDelta(event.delta, event.cohortIds, state);
        return fresh;
      }),
    );
  }

  /**
   * Charges one release, durably, before it is made. Noise may be drawn only after this has resolved.
   * @throws family `budget` where any unit would go past its limit or the chain is broken, storage/ledger-unreadable where it cannot be read; nothing is charged then. Where the store fails it
   * is not known whether the charge was written: it counts if it was, the release must not be made, and a new try needs a new id.
   */
  charge(event: ChargeEvent): Promise<void> {
    return this.#inTurn(() =>
      this.#write(() => {
        if (!this.#isChainIntact) throw this.#notReady();
        if (this.#state.event(event.id)) throw alreadyCharged(event.id);
        if (event.isFromFile) throw eventInvalid('charge', 'a charge that is made here');
        this.#check([event]);
        this.#checkLimits(event);
        return [event];
      }),
    );
  }

  /**
   * Takes a share of the budget away from a data set, and from all that may hold its people, in one durable append: only after this has resolved may
   * a copy leave that brings the share along. What is left is looked up within the append, so that no other tab can spend it in between.
   * `first` are events that come before where the ledger does not know them yet: the data set's cohorts and its first budget.
   * Guarantee: see `budget-share.ts`. Resolves with the delta that the share is counted at.
   * @throws settings/share-too-large where less is left; family `budget` where the chain is broken. Where the store fails it is not known whether the
   * share was lost: no file may be written then.
   */
  async share(splitId: string, share: { readonly id: string; readonly epsilon: number }, first: EventsToAppend): Promise<number> {
    let delta = 0;
    await this.#inTurn(() =>
      this.#write(() => {
        if (!this.#isChainIntact) throw this.#notReady();
        const fresh = this.#unknown(this.#decided(first));
        const loss = shareEvents(this.preview(fresh), splitId, share);
        delta = loss.delta;
        this.#check([...fresh, ...loss.events]);
        return [...fresh, ...loss.events];
      }),
    );
    return delta;
  }

  /**
   * Takes in the events of a project file: those whose id is unknown, re-chained at the end. Spending never goes down by it, and no data set that has
   * a budget here gets another limit or another delta. Of a cohort that is known it takes the hashes that are not.
   * Hashes must have been recomputed under this installation's key where the notes are at hand. A declaration that a data set is about different
   * people is kept only if every data set known here came before it there: it was never said of the others. Charges are marked as made elsewhere.
   * An allowance is taken up unless one that is held covers the same units and has as much left: what was given twice would else be lost.
   */
  merge(events: readonly LedgerEvent[]): Promise<void> {
    return this.#inTurn(() => this.#write(() => this.#merged(events)));
  }

  /** The ledger as `merge` would leave it; nothing is written. @throws as `merge` does. */
  previewMerge(events: readonly LedgerEvent[]): LedgerState {
    return this.preview(this.#merged(events));
  }

  #merged(events: readonly LedgerEvent[]): readonly LedgerEvent[] {
    if (!this.#isChainIntact) throw this.#notReady();
    const seen = new Set<string>();
    const incoming = events.map((event) => {
      if (event.kind === 'charge') return { ...event, isFromFile: true as const };
      if (event.kind !== 'cohort') return event;
      const isHeardByAll = this.#state.cohortIds.every((id) => seen.has(id));
      seen.add(event.cohortId);
      return event.isDeclaredDisjoint && (!isHeardByAll || event.declaredBefore !== undefined) ? { ...event, isDeclaredDisjoint: false } : event;
    });
    for (const event of incoming) {
      const known = this.#state.event(event.id);
      if (known && comparable(known) !== comparable(event)) throw importConflict(event.id);
    }
    this.#check(this.#unknown(incoming));
    const news = withoutKnownLimits(this.#state, incoming).flatMap((event) => (event.kind === 'cohort' && this.#state.event(event.id) ? (newHashesOf(this.#state, event) ?? []) : [event]));
    const fresh = this.#unknown(news);
    this.#check(fresh);
    if (!fresh.some(({ kind }) => kind === 'allowance')) return fresh;
    const state = this.preview(fresh.filter(({ kind }) => kind !== 'allowance'));
    return fresh.filter((event) => event.kind !== 'allowance' || !state.holdsAsMuchAs(event));
  }

  #decided(events: EventsToAppend): readonly LedgerEvent[] {
    return typeof events === 'function' ? events(this.preview([])) : events;
  }

  #unknown(events: readonly LedgerEvent[]): LedgerEvent[] {
    const ids = new Set<string>();
    return events.filter(({ id }) => {
      if (this.#state.event(id) || ids.has(id)) return false;
      ids.add(id);
      return true;
    });
  }

  /** Validates all events in order before any is written. */
  #check(events: readonly LedgerEvent[]): void {
    const state = events.some((event) => event.kind === 'cohort') ? this.preview([]) : this.#state;
    for (const event of events) {
      checkEvent(event);
      if (event.kind === 'cohort') {
        if (!state.fits(event)) throw eventInvalid('cohort', 'the same split, part and unit as before');
        state.add(event);
      }
      const ids = event.kind === 'budget' || event.kind === 'allowance' ? event.cohortIds : event.kind === 'charge' ? [event.cohortId] : [];
      if (!ids.every((id) => state.splitOf(id) !== undefined)) throw eventInvalid(event.kind, 'a cohort that is in the ledger');
    }
  }

  #checkDelta(delta: number, cohortIds: readonly string[], state: LedgerState): void {
    for (const id of cohortIds) {
      const current = state.budget(state.splitOf(id) ?? '');
      if (current && delta > current.delta) throw deltaRises(delta, current.delta);
    }
  }

  #checkLimits(event: ChargeEvent): void {
    const splitId = this.#state.splitOf(event.cohortId);
    const part = this.#state.partOf(event.cohortId);
    if (splitId === undefined || part === undefined) throw eventInvalid('charge', 'a cohort that is in the ledger');
    if (!this.#state.budget(splitId)) throw budgetNotSet();
    const refusal = this.#state.refusal(splitId, { [part]: [{ mechanism: event.mechanism, count: 1 }] });
    if (refusal?.kind === 'allowance') throw allowanceExhausted(refusal.epsilonAfter, refusal.epsilonLimit);
    if (refusal) throw budgetExhausted(refusal.epsilonAfter, refusal.epsilonLimit, refusal.splitId !== splitId);
  }

  #notReady(): BedsideError {
    return this.#isUnread ? ledgerUnreadable() : ledgerBroken();
  }

  /** One call after the other, whether the one before succeeded or not. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Writes what `decide` makes of the present state; decides again where another instance has written in between. */
  async #write(decide: () => readonly LedgerEvent[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (this.#isUnread) await this.#load();
      const events = decide();
      if (events.length === 0) return;
      const before = this.#head;
      const entries = chainEvents(events, before, this.#now());
      try {
        await this.#store.append(entries, before);
      } catch (error) {
        // What the store did before it failed is unknown. Read again: what was written counts.
        await this.#load();
        // The chain tells whether these entries are in it: the id of a cohort, which follows from its notes, may have been written by another as well.
        const written = entries.at(-1)?.hash;
        const isMoved = this.#isChainIntact && (this.#head?.hash ?? null) !== (before?.hash ?? null) && !this.#entries.some(({ hash }) => hash === written);
        if (isMoved && attempt < LARGEST_RETRIES) continue;
        throw error as BedsideError;
      }
      this.#entries = [...this.#entries, ...entries];
      this.#head = headOf(this.#entries);
      for (const event of events) this.#state.add(event);
      return;
    }
  }

  async #load(): Promise<void> {
    try {
      const { entries, head } = await this.#store.read();
      this.#entries = entries;
      this.#head = head;
      this.#isChainIntact = isChainIntact(entries, head);
      this.#isUnread = false;
    } catch {
      // Unreadable counts as spent; what was known before stays listed.
      this.#isChainIntact = false;
      this.#isUnread = true;
      return;
    }
    try {
      if (this.#isChainIntact) for (const { event } of this.#entries) checkEvent(event);
      this.#state = new LedgerState(this.#entries.map(({ event }) => event), undefined, this.#state.bounds);
      if (this.#state.hasLooseEnds) this.#isChainIntact = false;
    } catch {
      this.#isChainIntact = false;
    }
  }
}

/** An event without what may rightly differ between installations. */
function comparable(event: LedgerEvent): string {
  if (event.kind === 'cohort') {
    const { isAboutNobody: _, declaredBefore: __, ...cohort } = event;
    return canonicalJson({ ...cohort, hashes: [], rowHashes: [], personHashes: [], personNaming: null, hasUnnamedRows: false, keyId: '', isDeclaredDisjoint: false });
  }
  if (event.kind === 'charge') {
    const { isFromFile: _, ...charge } = event;
    return canonicalJson(charge);
  }
  // A file names those cohorts of a budget alone that it carries.
  return canonicalJson(event.kind === 'budget' || event.kind === 'allowance' ? { ...event, cohortIds: [] } : event);
}

/** What came from a file has no type yet. */
const areTexts = (value: readonly string[]): boolean => Array.isArray(value) && value.every((item) => typeof item === 'string');

function checkEvent(event: LedgerEvent): void {
  if (typeof event.id !== 'string' || event.id.length === 0) throw eventInvalid(event.kind, 'an identifier');
  switch (event.kind) {
    case 'cohort':
      if (![event.rowHashes, event.personHashes, event.hashes].every((hashes) => hashes === undefined || (areTexts(hashes) && hashes.every((hash) => /^[0-9a-f]{32}$/.test(hash))))) throw eventInvalid('cohort', 'hashes of 32 hexadecimal digits');
      if (event.maximumRowsPerPerson !== null && !(Number.isInteger(event.maximumRowsPerPerson) && event.maximumRowsPerPerson >= 1)) throw eventInvalid('cohort', 'a whole number of rows a person, or null');
      if (event.maximumRowsPerText !== undefined && !(Number.isInteger(event.maximumRowsPerText) && event.maximumRowsPerText >= 1)) throw eventInvalid('cohort', 'a whole number of rows a text');
      if (event.declaredBefore !== undefined && !(Number.isInteger(event.declaredBefore) && event.declaredBefore >= 0)) throw eventInvalid('cohort', 'a declaration that names how many entries came before');
      if ((event.part !== 'training' && event.part !== 'held-out') || (event.unit !== 'row' && event.unit !== 'person')) throw eventInvalid('cohort', 'a known part and unit');
      break;
    case 'budget':
      checkNonNegative('epsilon limit', event.epsilonLimit);
      checkPositive('delta', event.delta);
      if (event.delta >= 1 || !areTexts(event.cohortIds) || event.cohortIds.length === 0) throw eventInvalid('budget', 'delta below 1 and at least one cohort');
      break;
    case 'allowance':
      checkNonNegative('epsilon of an allowance', event.epsilon);
      checkPositive('delta', event.delta);
      if (event.delta >= 1 || !areTexts(event.cohortIds) || event.cohortIds.length === 0) throw eventInvalid('allowance', 'delta below 1 and at least one cohort');
      if (typeof event.allowanceId !== 'string' || event.allowanceId.length === 0 || !areTexts(event.givenBy)) throw eventInvalid('allowance', 'an identifier and who gave it');
      break;
    case 'charge':
      if (typeof event.mechanism !== 'object' || event.mechanism === null) throw eventInvalid('charge', 'a mechanism');
      checkMechanism(event.mechanism);
      checkPositive('noise multiplier', event.mechanism.noiseMultiplier);
      break;
    case 'run':
      break;
    default:
      throw eventInvalid('unknown', 'cohort, budget, allowance, charge or run');
  }
}
