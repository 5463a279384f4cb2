import { randomUUID } from 'node:crypto';
import { isWithin, type ExtraCharges } from '../privacy/balance.ts';
import { cohortsOf, type HashedRow } from '../privacy/cohort.ts';
import type { LedgerEvent, RunEvent } from '../privacy/events.ts';
import { Ledger } from '../privacy/ledger.ts';
import { keyIdOf, normaliseText, personNamingOf, unitHash } from '../privacy/unit-hash.ts';
import type { Note } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { roundUp, roundUpTo } from '../ground/rounding.ts';
import { ledgerCharges } from '../training/ledger-charges.ts';
import type { PrivatePlan } from '../training/plan.ts';
import { plannedCharges } from '../training/planned-charges.ts';
import { defaultEpsilonLimit } from '../training/default-limit.ts';
import type { ChargePort } from '../training/session-input.ts';
import type { Split } from '../training/split.ts';
import { openNodeLedgerStore } from './node-ledger-store.ts';

export interface TrainLedger {
  readonly charges: ChargePort;
  /** Earlier files whose limit had to rise, because their people may be in this one too. */
  readonly earlierFilesRaised: number;
  /** Epsilon of the most exposed unit over all runs in this ledger. */
  spent(): number;
  end(state: RunEvent['state']): Promise<void>;
}

/** Entries carry the minute they were written in: how long a single step took would tell how many notes were drawn. */
const clockMs = 60_000;

const round = (value: number) => roundUp(value, 3);

/** A limit that the run would fit into, for a hint: two decimals, rounded up. */
const enough = (epsilon: number) => roundUpTo(epsilon, 2);

function earlierFilesOverLimit(after: number, limit: number): BedsideError {
  return new BedsideError('budget/earlier-over-limit', 'budget', `Notes of an earlier file may be of the same people, and with this run they would have spent epsilon ${round(after)}, beyond their limit of ${round(limit)}. Nothing was charged.`, `Give a smaller --epsilon, another --ledger where no one is in both files, or --limit ${enough(after)} in the knowledge of what that gives up.`);
}

function overLimit(after: number, limit: number, spent: number): BedsideError {
  return new BedsideError('budget/over-limit', 'budget', `These rows, or people of earlier files who may be in them, have spent epsilon ${round(spent)}; this run would bring them to ${round(after)}, beyond the limit of ${round(limit)}. Nothing was charged.`, `Give a smaller --epsilon, another --ledger where what was spent before was on other people (made-up notes, say), or --limit ${enough(after)} in the knowledge of what that gives up.`);
}

/**
 * Enters a private run in the ledger file: its rows by keyed hash, a limit, and its beginning; refuses where the whole run does not fit.
 * The first run on some rows sets their limit: `limit` where it is given, else what the run asks for, and 4 at least. From then on a run that would go
 * past it is refused; a `limit` that is given takes its place. Budgets of different files add up, because a person may be in both, and the limits of
 * earlier files are held as well, for otherwise one of them would end the run at some step on the way: a `limit` that is given raises theirs.
 * `personColumn` is the header of the column that names the persons.
 */
export async function openTrainLedger(path: string, split: Split, plan: PrivatePlan, classes: number, trainingUnits: number, limit: number | null, personColumn: string | null): Promise<TrainLedger> {
  const store = openNodeLedgerStore(path);
  // The ledger itself takes one that cannot be read for all spent; here is said why.
  await store.read();
  const ledger = await Ledger.open(store, () => Math.floor(Date.now() / clockMs) * clockMs);
  const key = await store.installationKey();
  const hashed = (notes: readonly Note[]): HashedRow[] =>
    notes.map(({ text, person }) => ({ row: unitHash(key, 'row', normaliseText(text)), person: person === null ? null : unitHash(key, 'person', normaliseText(person)) }));
  const personNaming = personColumn === null ? null : personNamingOf(key, personColumn);
  const { splitId, events: cohorts } = cohortsOf({ unit: plan.unit, keyId: keyIdOf(key), training: hashed(split.training), heldOut: hashed(split.heldOut), declarationId: null, personNaming });
  const cohortIds = { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId };

  await ledger.append(cohorts);
  const allowed = limit ?? ledger.balance(splitId)?.epsilonLimit ?? Math.max(defaultEpsilonLimit, plan.epsilon);
  const budget: LedgerEvent = { kind: 'budget', id: randomUUID(), cohortIds: Object.values(cohortIds), epsilonLimit: allowed, delta: plan.delta };
  const extra = { training: plannedCharges(plan, trainingUnits, classes) };
  const entered = ledger.preview([budget]);
  const spentAfter = (charges: ExtraCharges) => ledger.bounds.tightly(() => (ledger.isChainIntact ? entered.balance(splitId, charges)?.epsilonSpent : null) ?? Infinity);
  if (!isWithin(spentAfter(extra), allowed)) throw overLimit(spentAfter(extra), allowed, spentAfter({}));
  const raised = entered.affectedBy(splitId).filter((other) => other !== splitId).flatMap((other): LedgerEvent[] => {
    const after = ledger.bounds.tightly(() => entered.balance(other, extra, splitId));
    if (!after || isWithin(after.epsilonSpent, after.epsilonLimit)) return [];
    if (limit === null || !isWithin(after.epsilonSpent, limit)) throw earlierFilesOverLimit(after.epsilonSpent, Math.max(limit ?? 0, after.epsilonLimit));
    return [{ kind: 'budget', id: randomUUID(), cohortIds: entered.cohortIdsOf(other), epsilonLimit: after.epsilonSpent, delta: after.delta }];
  });
  const runId = randomUUID();
  const run = (state: RunEvent['state']): RunEvent => ({ kind: 'run', id: randomUUID(), runId, state });
  await ledger.append([budget, ...raised, run('started')]);
  return {
    earlierFilesRaised: raised.length,
    charges: ledgerCharges(ledger, cohortIds, runId, randomUUID),
    spent: () => ledger.bounds.tightly(() => ledger.balance(splitId))?.epsilonSpent ?? Infinity,
    end: (state) => ledger.append([run(state)]),
  };
}
