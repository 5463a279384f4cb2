import { checkPositive } from '../ground/check.ts';
import type { Dataset } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { LedgerState, type Balance, type ExtraCharges } from '../privacy/balance.ts';
import { shareable, shareTooLarge, type Shareable } from '../privacy/budget-share.ts';
import type { Charge } from '../privacy/composition.ts';
import type { BudgetEvent, CohortEvent, LedgerEntry, LedgerEvent, PrivacyUnit, RunEvent } from '../privacy/events.ts';
import { epsilonLeft, type LeftOptions } from '../privacy/epsilon-left.ts';
import { checkpointsOf, KnownBounds } from '../privacy/known-bounds.ts';
import { allowanceExhausted } from '../privacy/ledger-errors.ts';
import { Ledger } from '../privacy/ledger.ts';
import { keyIdOf } from '../privacy/unit-hash.ts';
import { chargesOfRun, epsilonOf, type ChargedParts } from '../training/charged-parts.ts';
import { ledgerCharges } from '../training/ledger-charges.ts';
import { heldOutCharges, plannedCharges, searchScoreCharges } from '../training/planned-charges.ts';
import { searchOf, type PrivatePlan } from '../training/plan.ts';
import { defaultDelta, defaultHeldOutShare } from '../training/propose.ts';
import type { ChargePort } from '../training/session-input.ts';
import type { Split } from '../training/split.ts';
import { afterRunOf, afterUnknown, type AfterRun } from './after-run.ts';
import type { BedsideService, BudgetReport, NotesElsewhere } from './bedside.service.ts';
import { notesElsewhere } from './common-notes.ts';
import type { BedsideDatabase } from './database.ts';
import { declarationOf, declaredAnew, withDeclaration } from './declarations.ts';
import type { DurableLedgerStore } from './ledger-store.ts';
import { shareLedger, type SharedLedger } from './ledger-share.ts';
import { changeProject, readDataset } from './projects.ts';
import type { ProjectRecord } from './records.ts';
import { runsOfProject } from './runs.ts';
import type { Follower } from './shared-work.ts';
import { sizeOf } from './stored-bytes.ts';
import { inTransaction } from './transaction.ts';
import { dealtNotes, hashedRows, namingOf } from './unit-hashes.ts';

export function dataChanged(): BedsideError {
  return new BedsideError('training/data-changed', 'input', 'The notes or their columns were changed since this run began, so it cannot go on.', 'Put the columns back as they were, or start a new run.');
}

function noPersons(): BedsideError {
  return new BedsideError('training/no-persons', 'settings', 'This plan protects persons, and no column says which notes are of one person.', 'Name the person column, or choose the note as the unit.');
}

/** Entries carry the minute they were written in: the page may read them, and how long a single step took would tell how many notes were drawn. */
const clockMs = 60_000;

/** A private run's door to the ledger. */
export interface RunLedger {
  readonly charges: ChargePort;
  budget(): BudgetReport;
  /** What the ledger holds of the run, earlier sessions included. */
  charged(): ChargedParts;
  /** Epsilon of what was charged to the training part for this run. */
  epsilonCharged(): number;
  /** Works out tightly what the notes and the run have spent by now: between its checkpoints a run is told the next one's value. */
  settle(): void;
  readonly bounds: KnownBounds;
  /** What the most exposed unit will have spent, all runs together, after one more step than `stepsDone` and at the plan's end. */
  ahead(stepsDone: number): { readonly next: number; readonly end: number } | null;
  end(state: 'finished' | 'stopped' | 'failed'): Promise<void>;
}

/** A project's rows as the ledger knows them, under one unit and one held-out share. */
export interface LedgerSubject {
  readonly project: ProjectRecord;
  readonly split: Split;
  readonly splitId: string;
  readonly cohorts: readonly [CohortEvent, CohortEvent];
  readonly units: number;
  readonly trainingUnits: number;
  /** No unit lies in both parts. Else a text of two persons does, and a score of the held-out part would cost it more than the parallel parts say. */
  readonly isDisjoint: boolean;
  readonly classes: number;
}

/** The ledger of this installation, as projects and runs use it. Another tab's entries are read before anything is said or written. */
export class LedgerKeeper {
  readonly #store: DurableLedgerStore;
  readonly #database: BedsideDatabase;
  /** Outlives the ledger that was read: what another tab adds makes nothing of it wrong. */
  readonly #bounds = new KnownBounds();
  #ledger: Promise<Ledger> | null = null;

  constructor(store: DurableLedgerStore, database: BedsideDatabase) {
    this.#store = store;
    this.#database = database;
  }

  async ledger(): Promise<Ledger> {
    const known = await this.#ledger;
    // One that could not be read is read again: it may have been for a moment.
    if (known?.isChainIntact) {
      const head = await this.#store.head().catch(() => null);
      if (head?.hash === known.head?.hash && head?.count === known.head?.count) return known;
    }
    this.#ledger = Ledger.open(this.#store, () => Math.floor(Date.now() / clockMs) * clockMs, this.#bounds);
    return this.#ledger;
  }

  /** Read each time: another tab may have erased the ledger and its key, and hashes under the old one would match nothing. */
  key(): Promise<Uint8Array> {
    return this.#store.installationKey();
  }

  /** Rows of a project dealt and hashed. Without a plan: under the unit and share that a proposal takes. */
  async subject(project: ProjectRecord, plan: { readonly unit: PrivacyUnit; readonly heldOutShare: number } | null = null, known?: Dataset, declarationId: string | null = null, follower?: Follower): Promise<LedgerSubject> {
    const [dataset, key] = await Promise.all([known ?? readDataset(this.#database, project.id), this.key()]);
    const unit = plan?.unit ?? (dataset.personColumn === null ? 'row' : 'person');
    const rows = await hashedRows(this.#database, project.id, dataset, key, follower);
    const declared = declarationId === null ? declarationOf(project, rows) : { id: declarationId, before: null };
    const { split, splitId, events, units, trainingUnits, isDisjoint } = dealtNotes(dataset, rows, key, { unit, heldOutShare: plan?.heldOutShare ?? defaultHeldOutShare, declarationId: declared?.id ?? null, declaredBefore: declared?.before ?? null });
    return { project, split, splitId, cohorts: events, units, trainingUnits, isDisjoint, classes: dataset.labels.length };
  }

  async budgetOf(project: ProjectRecord): Promise<BudgetReport> {
    const subject = await this.subject(project);
    const { ledger, state } = await this.#entered(subject);
    const isTighterElsewhere = this.#bounds.tightly(() => ledger.isChainIntact && state.tighterThan(subject.splitId) !== null);
    const elsewhere = ledger.isChainIntact ? await this.#elsewhere(subject, state, ledger.entries) : [];
    return { ...reportOf(await this.#balance(subject, {})), isTighterElsewhere, hasUndeclared: ledger.isChainIntact && state.countsUndeclared(subject.splitId), elsewhere };
  }

  async #elsewhere({ project, splitId }: LedgerSubject, state: LedgerState, entries: readonly LedgerEntry[]): Promise<readonly NotesElsewhere[]> {
    const common = state.commonWith(splitId);
    if (common.length === 0) return [];
    const [dataset, key] = await Promise.all([readDataset(this.#database, project.id), this.key()]);
    const hashed = await hashedRows(this.#database, project.id, dataset, key);
    return notesElsewhere(this.#database, project.id, common, { notes: dataset.notes, hashed }, state, entries);
  }

  /** What a run at `delta` enters before it charges anything (its cohorts, a budget where there is none or delta falls), and the ledger as it would be then. */
  async #entered(subject: LedgerSubject, largestDelta = Infinity): Promise<{ readonly ledger: Ledger; readonly opening: readonly LedgerEvent[]; readonly state: LedgerState }> {
    const ledger = await this.ledger();
    const opening = openingOf(subject, ledger.preview([]), largestDelta);
    return { ledger, opening, state: ledger.preview(opening) };
  }

  /** What a data set would have spent after further charges; also where the ledger does not know it yet. */
  async #balance(subject: LedgerSubject, extra: ExtraCharges): Promise<Balance> {
    const ledger = await this.ledger();
    const known = this.#bounds.tightly(() => ledger.balanceAfter(subject.splitId, extra));
    if (known) return known;
    const state = ledger.preview([...subject.cohorts, budgetEvent(subject, subject.project.epsilonLimit, defaultDelta(subject.units))]);
    const balance = this.#bounds.tightly(() => state.balance(subject.splitId, extra));
    return balance ?? { ...everythingSpent(subject), isChainIntact: ledger.isChainIntact };
  }

  /** Sets the limit of a project's notes for good, however they have been dealt; delta stays what it was. */
  async setBudget(project: ProjectRecord, epsilonLimit: number): Promise<BudgetReport> {
    checkPositive('budget limit', epsilonLimit);
    const changed = await changeProject(this.#database, project.id, (record) => ({ ...record, epsilonLimit }));
    const subject = await this.subject(changed);
    const { delta } = await this.#balance(subject, {});
    const ledger = await this.ledger();
    const others = await this.#otherDeals(subject, ledger);
    await ledger.append([...subject.cohorts, budgetEvent(subject, epsilonLimit, delta), ...others.map((other): BudgetEvent => ({ kind: 'budget', id: crypto.randomUUID(), epsilonLimit, ...other }))]);
    return this.budgetOf(changed);
  }

  /** The same notes dealt by another unit, share or person column, or read from other columns by an earlier run: what of them has a budget. */
  async #otherDeals({ project, splitId, cohorts }: LedgerSubject, ledger: Ledger): Promise<readonly Pick<BudgetEvent, 'cohortIds' | 'delta'>[]> {
    const state = ledger.preview(cohorts);
    const runIds = new Set((await runsOfProject(this.#database, project.id)).map(({ id }) => id));
    const charged = ledger.entries.flatMap(({ event }) => (event.kind === 'charge' && runIds.has(event.runId) ? (state.splitOf(event.cohortId) ?? []) : []));
    const others = new Set([...state.splitsOfRows(new Set(cohorts.flatMap(({ rowHashes = [] }) => rowHashes))), ...charged]);
    others.delete(splitId);
    return [...others].flatMap((other) => {
      const budget = state.budget(other);
      return budget ? [{ cohortIds: state.cohortIdsOf(other), delta: budget.delta }] : [];
    });
  }

  /**
   * Tells the ledger that a data set is about people of whom no earlier one holds rows. It holds for the data sets known now, and for every deal of
   * the same rows: those that the ledger knows are declared along, and the project keeps what those that are made later may say.
   */
  async declareDisjoint(project: ProjectRecord): Promise<BudgetReport> {
    const id = crypto.randomUUID();
    const [subject, ledger, dataset, key] = [await this.subject(project, null, undefined, id), await this.ledger(), await readDataset(this.#database, project.id), await this.key()];
    const rows = await hashedRows(this.#database, project.id, dataset, key);
    const before = ledger.entries.length;
    await ledger.append([...subject.cohorts, ...declaredAnew(ledger.entries, await this.#dealtOtherwise(subject, ledger), id)]);
    return this.budgetOf(await changeProject(this.#database, project.id, (record) => withDeclaration(record, id, rows, before)));
  }

  /** The cohorts of a project's rows as they are dealt otherwise, if the ledger knows them. The same texts with other persons may be another file's: only what this project trained on is taken for its own then. */
  async #dealtOtherwise({ project, splitId, cohorts }: LedgerSubject, ledger: Ledger): Promise<ReadonlySet<string>> {
    const state = ledger.preview(cohorts);
    const runIds = new Set((await runsOfProject(this.#database, project.id)).map(({ id }) => id));
    const own = new Set(ledger.entries.flatMap(({ event }) => (event.kind === 'charge' && runIds.has(event.runId) ? (state.splitOf(event.cohortId) ?? []) : [])));
    const same = state.splitsOfRows(new Set(cohorts.flatMap(({ rowHashes = [] }) => rowHashes)));
    const isOwn = (other: string) => own.has(other) || state.hasPersonsOf(other, splitId);
    return new Set(same.filter((other) => other !== splitId && isOwn(other)).flatMap((other) => state.cohortIdsOf(other)));
  }

  /** Largest epsilon that a new run may still spend on the training part, by every limit that its charges will be held to; 0 where nothing is left. */
  async epsilonLeft(project: ProjectRecord, options: LeftOptions = {}): Promise<number> {
    const subject = await this.subject(project);
    const { ledger, state } = await this.#entered(subject);
    if (!ledger.isChainIntact) return 0;
    const { delta } = await this.#balance(subject, {});
    return epsilonLeft(state, subject.splitId, delta, options);
  }

  /** What both parts will have spent once a run of this plan has ended, and whether every charge of it will be accepted. `charges`: those of the training part, where they are not the plan's. */
  async afterRun(project: ProjectRecord, plan: PrivatePlan, charges?: readonly Charge[]): Promise<AfterRun> {
    const subject = await this.subject(project, plan);
    const { ledger, state } = await this.#entered(subject, plan.delta);
    return ledger.isChainIntact ? afterRunOf(state, subject, plan, charges) : afterUnknown;
  }

  /** What the held-out part's most exposed unit would have spent after further charges at `delta`, and whether every limit allows them. */
  async afterCharges(subject: LedgerSubject, delta: number, extra: ExtraCharges): Promise<{ readonly epsilonHeldOut: number; readonly fits: boolean }> {
    const { ledger, state } = await this.#entered(subject, delta);
    const after = ledger.isChainIntact ? this.#bounds.tightly(() => state.balance(subject.splitId, extra)) : null;
    return after ? { epsilonHeldOut: after.epsilonHeldOut, fits: state.refusal(subject.splitId, extra) === null } : { epsilonHeldOut: Infinity, fits: false };
  }

  /** What the ledger says that a run was charged until now. */
  async chargesOf(runId: string): Promise<ChargedParts> {
    return chargesOfRun((await this.ledger()).entries.map(({ event }) => event), runId);
  }

  /** Epsilon that a run's training part was charged until now, by the ledger's events. */
  async epsilonCharged(runId: string, { delta }: PrivatePlan): Promise<number> {
    const { training } = await this.chargesOf(runId);
    return this.#bounds.tightly(() => epsilonOf(training, delta, this.#bounds)) ?? 0;
  }

  /**
   * Enters a run: its cohorts, a budget where there is none or delta falls, and its beginning. From then on it may charge.
   * `known` is the data set that the run will read, so that no change of columns comes between. A run that is resumed must find the units that it was charged for: other ones would make its model and its statement speak of two data sets.
   */
  async openRun(project: ProjectRecord, plan: PrivatePlan, runId: string, how: 'started' | 'resumed', known?: Dataset): Promise<RunLedger> {
    const [subject, ledger] = [await this.subject(project, plan, known), await this.ledger()];
    // One that could not be read is read again, or refuses: what follows looks at its entries.
    await ledger.append([]);
    const { splitId, cohorts } = subject;
    if (plan.unit === 'person' && cohorts[0].maximumRowsPerPerson === null) throw noPersons();
    const isElsewhere = ({ event }: LedgerEntry) => event.kind === 'charge' && event.runId === runId && cohorts.every(({ cohortId }) => cohortId !== event.cohortId);
    if (how === 'resumed' && ledger.entries.some(isElsewhere)) throw dataChanged();
    // Decided as it is written: a share that another tab takes in between must not be undone by a limit looked up before.
    await ledger.append((known) => [...openingOf(subject, known, plan.delta), runEvent(runId, how)]);
    const state = ledger.preview([]);
    const [balance, isTighterElsewhere, hasUndeclared] = this.#bounds.tightly(() => [state.balance(splitId), state.tighterThan(splitId) !== null, state.countsUndeclared(splitId)] as const);
    const planned = plannedCharges(plan, subject.trainingUnits, subject.classes);
    const [before, step] = [planned.slice(0, -1), planned.at(-1)];
    const charged = () => chargesOfRun(ledger.entries.map(({ event }) => event), runId);
    const done = charged().training.length;
    const isSearch = searchOf(plan) !== null;
    // What comes before the first step is charged once; a run that has charged anything has charged it.
    const stepsAhead = (steps: number) => [...(charged().training.length > 0 ? [] : before), ...(step && steps > 0 ? [{ mechanism: step.mechanism, count: steps }] : [])];
    // A search is charged as a whole before its first step, and anew where it was cut off.
    const searchAhead = () => {
      const here = charged().training.slice(done);
      return here.some(({ mechanism }) => mechanism.kind === 'repeat-and-select') ? [] : [...(here.length > 0 ? [] : before), ...(step ? [step] : [])];
    };
    const ofPlan = (steps: number) => (isSearch ? searchAhead() : stepsAhead(steps));
    const heldOutDone = charged().heldOut.length;
    // A score that does not fit beside the rest is left out in the end.
    const isScored = plan.validationEpsilon !== null && state.refusal(splitId, { training: ofPlan(Math.max(0, plan.steps - done)), 'held-out': heldOutCharges(plan) }) === null;
    const heldOutPlanned = isScored ? heldOutCharges(plan) : searchScoreCharges(plan);
    const heldOutAhead = () => heldOutPlanned.slice(charged().heldOut.length - heldOutDone);
    const spentAfter = (steps: number, heldOut: readonly Charge[] = []) => ledger.balanceAfter(splitId, { training: ofPlan(steps), 'held-out': heldOut })?.epsilonSpent ?? Infinity;
    const epsilonCharged = () => epsilonOf(charged().training, plan.delta, this.#bounds) ?? 0;
    if (step) {
      // Full-batch steps beside samples of earlier runs: what they come to in the end bounds them all.
      const checkpoints = (step.mechanism.kind === 'poisson-gaussian' ? checkpointsOf(plan.steps) : [plan.steps]).map((checkpoint) => Math.max(0, checkpoint - done));
      this.#bounds.tightly(() => checkpoints.forEach((checkpoint) => spentAfter(checkpoint)));
      // And what they come to in other data sets that RDP alone would stop the run for.
      for (const checkpoint of checkpoints) state.refusal(splitId, { training: ofPlan(checkpoint) });
    }
    return {
      charges: ledgerCharges(ledger, { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId }, runId, () => crypto.randomUUID()),
      budget: () => ({ ...reportOf(ledger.balance(splitId) ?? balance ?? everythingSpent(subject)), isTighterElsewhere, hasUndeclared }),
      charged,
      ahead: (stepsDone) => {
        if (!step) return null;
        const left = plan.steps - stepsDone;
        // The end is the same at every step, so it is worked out once.
        const end = this.#bounds.tightly(() => spentAfter(left, heldOutAhead()));
        return { next: spentAfter(Math.min(1, left)), end };
      },
      epsilonCharged,
      settle: () => this.#bounds.tightly(() => [ledger.balance(splitId), epsilonCharged()]),
      bounds: this.#bounds,
      end: (state) => ledger.append([runEvent(runId, state)]),
    };
  }

  /** Refuses a private run of notes that came without any budget, before the run is recorded. */
  async checkAllowance(project: ProjectRecord, plan: PrivatePlan): Promise<void> {
    const { allowance } = await this.#balance(await this.subject(project, plan), {});
    if (allowance?.epsilon === 0) throw allowanceExhausted(0, 0);
  }

  /** What of the budget of a project's notes could go along with a copy of them. */
  async shareable(project: ProjectRecord): Promise<Shareable> {
    const [subject, ledger] = [await this.subject(project), await this.ledger()];
    if (!ledger.isChainIntact) return { epsilon: 0, delta: defaultDelta(subject.units) };
    const known = ledger.preview([...subject.cohorts, ...firstBudget(subject, ledger.preview([]))]);
    return shareable(known, subject.splitId) ?? { epsilon: 0, delta: defaultDelta(subject.units) };
  }

  /**
   * The events that count for a project's notes, for a file that leaves, and what its copy may spend: `epsilon` of the budget, which is lost here once
   * this has resolved. Spending of data sets that were not declared to be about others goes along.
   */
  async share(project: ProjectRecord, epsilon: number): Promise<SharedLedger> {
    if (project.noteCount === null) {
      if (epsilon > 0) throw shareTooLarge(epsilon, 0);
      return { cohorts: [], events: [], allowance: null };
    }
    const [subject, ledger, dataset, key] = [await this.subject(project), await this.ledger(), await readDataset(this.#database, project.id), await this.key()];
    const first = (known: LedgerState) => [...subject.cohorts, ...firstBudget(subject, known)];
    const notes = await hashedRows(this.#database, project.id, dataset, key);
    const id = crypto.randomUUID();
    // A damaged ledger knows no delta; what it sends off can at least be opened.
    const delta = (await this.#balance(subject, {})).delta || defaultDelta(subject.units);
    const halved = epsilon > 0 ? await ledger.share(subject.splitId, { id, epsilon }, first) : null;
    // A share that a project gives away is gone from the limit that its next splits begin with.
    if (halved !== null) await changeProject(this.#database, project.id, (record) => ({ ...record, epsilonLimit: Math.max(0, record.epsilonLimit - epsilon) })).catch(() => undefined);
    const state = ledger.preview(subject.cohorts);
    const splits = new Set(state.affectedBy(subject.splitId));
    const counting = new Set(state.cohortIds.filter((cohortId) => splits.has(state.splitOf(cohortId) ?? '')));
    const known = ledger.entries.map(({ event }) => event);
    const events = [...known, ...subject.cohorts.filter(({ id: cohort }) => known.every((event) => event.id !== cohort))];
    const givenBy = new Set([keyIdOf(key), ...known.flatMap((event) => (event.kind === 'allowance' && event.cohortIds.some((cohortId) => counting.has(cohortId)) ? event.givenBy : []))]);
    return { ...shareLedger(events, counting, notes, namingOf(dataset, key)), allowance: { id, epsilon, delta: halved ?? delta, givenBy: [...givenBy] } };
  }

  async entries(): ReturnType<BedsideService['ledger']> {
    const { entries, isChainIntact } = await this.ledger();
    return { entries, isChainIntact };
  }

  async size(): Promise<{ readonly bytes: number; readonly count: number }> {
    const { entries } = await this.ledger();
    return { bytes: sizeOf(entries), count: entries.length };
  }

  /** Every data set counts as untouched from then on: entries, head and hash key go, and the hashes made with it. */
  async erase(): Promise<void> {
    await this.#store.erase();
    this.#ledger = null;
    await inTransaction(this.#database, ['hashes'], 'readwrite', (transaction) => transaction.objectStore('hashes').clear());
  }
}

/** The budget that a data set begins with, where it has none. */
function firstBudget(subject: LedgerSubject, state: LedgerState): readonly LedgerEvent[] {
  return state.budget(subject.splitId) ? [] : [budgetEvent(subject, subject.project.epsilonLimit, defaultDelta(subject.units))];
}

/** What a run at `largestDelta` enters before it charges anything: its cohorts, and a budget where there is none or delta falls. */
function openingOf(subject: LedgerSubject, state: LedgerState, largestDelta: number): readonly LedgerEvent[] {
  const first = [...subject.cohorts, ...firstBudget(subject, state)];
  const balance = new LedgerState(first, state).balance(subject.splitId);
  if (!balance) return first;
  const delta = Math.min(largestDelta, balance.delta);
  if (!state.budget(subject.splitId)) return [...subject.cohorts, budgetEvent(subject, balance.epsilonLimit, delta)];
  return delta < balance.delta ? [...subject.cohorts, budgetEvent(subject, balance.epsilonLimit, delta)] : subject.cohorts;
}

function everythingSpent({ project, units }: LedgerSubject): Balance {
  return { epsilonLimit: project.epsilonLimit, delta: defaultDelta(units), epsilonSpent: Infinity, epsilonTraining: Infinity, epsilonHeldOut: Infinity, isUnitMixed: false, allowance: null, isChainIntact: true };
}

function budgetEvent({ cohorts }: Pick<LedgerSubject, 'cohorts'>, epsilonLimit: number, delta: number): LedgerEvent {
  return { kind: 'budget', id: crypto.randomUUID(), cohortIds: cohorts.map(({ cohortId }) => cohortId), epsilonLimit, delta };
}

function runEvent(runId: string, state: RunEvent['state']): RunEvent {
  return { kind: 'run', id: crypto.randomUUID(), runId, state };
}

function reportOf({ epsilonLimit, delta, epsilonSpent, epsilonTraining, epsilonHeldOut, isUnitMixed, allowance, isChainIntact }: Balance): BudgetReport {
  return { epsilonLimit, delta, epsilonSpent, epsilonTraining, epsilonHeldOut, isUnitMixed, allowance, isChainIntact };
}
