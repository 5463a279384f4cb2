import { randomUUID } from 'node:crypto';
import { cohortsOf, type HashedRow } from '../privacy/cohort.ts';
import type { LedgerEvent, RunEvent } from '../privacy/events.ts';
import { Ledger } from '../privacy/ledger.ts';
import { keyIdOf, normaliseText, unitHash } from '../privacy/unit-hash.ts';
import type { Note } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { ledgerCharges } from '../training/ledger-charges.ts';
import type { PrivatePlan } from '../training/plan.ts';
import { plannedCharges } from '../training/planned-charges.ts';
import { defaultEpsilonLimit } from '../training/propose.ts';
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

function earlierFilesOverLimit(after: number, limit: number): BedsideError {
  const round = (value: number) => Number(value.toPrecision(3));
  return new BedsideError('budget/earlier-over-limit', 'budget', `Notes of an earlier file may be of the same people, and with this run they would have spent epsilon ${round(after)}, beyond their limit of ${round(limit)}. Nothing was charged.`, 'Give a smaller --epsilon, a higher --limit, or another --ledger where no one is in both files.');
}

function overLimit(after: number, limit: number, spent: number): BedsideError {
  const round = (value: number) => Number(value.toPrecision(3));
  return new BedsideError('budget/over-limit', 'budget', `These rows have spent epsilon ${round(spent)}; this run would bring them to ${round(after)}, beyond the limit of ${round(limit)}. Nothing was charged.`, 'Give a smaller --epsilon, or a higher --limit in the knowledge of what that gives up.');
}

/**
 * Enters a private run in the ledger file: its rows by keyed hash, a limit, and its beginning; refuses where the whole run does not fit.
 * The limit is `limit` where it is given. Without it the command line is the person's word for this run: the limit rises to what the run comes to,
 * 4 at least, and what these rows have spent in all is said. Budgets of different files add up, because a person may be in both: the limits of
 * earlier files are held to the same rule, for otherwise one of them would end the run at some step on the way.
 */
export async function openTrainLedger(path: string, split: Split, plan: PrivatePlan, classes: number, trainingUnits: number, limit: number | null): Promise<TrainLedger> {
  const store = openNodeLedgerStore(path);
  const ledger = await Ledger.open(store, Date.now);
  const key = await store.installationKey();
  const hashed = (notes: readonly Note[]): HashedRow[] =>
    notes.map(({ text, person }) => ({ row: unitHash(key, 'row', normaliseText(text)), person: person === null ? null : unitHash(key, 'person', normaliseText(person)) }));
  const { splitId, events: cohorts } = cohortsOf({ unit: plan.unit, keyId: keyIdOf(key), training: hashed(split.training), heldOut: hashed(split.heldOut), declarationId: null });
  const cohortIds = { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId };
  const budget = (epsilonLimit: number): LedgerEvent => ({ kind: 'budget', id: randomUUID(), cohortIds: Object.values(cohortIds), epsilonLimit, delta: plan.delta });

  await ledger.append(cohorts);
  const extra = { training: plannedCharges(plan, trainingUnits, classes) };
  const previewed = ledger.preview([budget(limit ?? defaultEpsilonLimit)]);
  const after = previewed.balance(splitId, extra)?.epsilonSpent ?? Infinity;
  const now = previewed.balance(splitId, {})?.epsilonSpent ?? Infinity;
  const allowed = limit ?? Math.max(defaultEpsilonLimit, after);
  if (!(after <= allowed * (1 + 1e-9))) throw overLimit(after, allowed, now);
  // What the run costs the units of every other file that it counts against, against the limit that was set there.
  const others = previewed.affectedBy(splitId).filter((other) => other !== splitId).flatMap((other) => {
    const balance = previewed.balance(other, extra, splitId);
    return balance && !(balance.epsilonSpent <= balance.epsilonLimit * (1 + 1e-9)) ? [{ other, ...balance }] : [];
  });
  const raised = others.map(({ other, epsilonSpent, epsilonLimit, delta }): LedgerEvent => {
    if (limit !== null && !(epsilonSpent <= limit * (1 + 1e-9))) throw earlierFilesOverLimit(epsilonSpent, Math.max(limit, epsilonLimit));
    return { kind: 'budget', id: randomUUID(), cohortIds: previewed.cohortIds.filter((id) => previewed.splitOf(id) === other), epsilonLimit: epsilonSpent, delta };
  });
  const runId = randomUUID();
  const run = (state: RunEvent['state']): RunEvent => ({ kind: 'run', id: randomUUID(), runId, state });
  await ledger.append([budget(allowed), ...raised, run('started')]);
  return {
    earlierFilesRaised: raised.length,
    charges: ledgerCharges(ledger, cohortIds, runId, randomUUID),
    spent: () => ledger.balance(splitId)?.epsilonSpent ?? Infinity,
    end: (state) => ledger.append([run(state)]),
  };
}
