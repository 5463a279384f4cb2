import { randomUUID } from 'node:crypto';
import { isWithin, type ExtraCharges } from '../privacy/balance.ts';
import { cohortsOf, type HashedRow } from '../privacy/cohort.ts';
import { commonNotes } from '../privacy/common-notes.ts';
import type { LedgerEvent, RunEvent } from '../privacy/events.ts';
import { gaussianMu } from '../privacy/gaussian.ts';
import { Ledger } from '../privacy/ledger.ts';
import { keyIdOf, normaliseText, personNamingOf, unitHash } from '../privacy/unit-hash.ts';
import type { Note } from '../data/table.ts';
import { ledgerCharges } from '../training/ledger-charges.ts';
import type { PrivatePlan } from '../training/plan.ts';
import { heldOutCharges, plannedCharges } from '../training/planned-charges.ts';
import { defaultEpsilonLimit } from '../training/default-limit.ts';
import type { ChargePort } from '../training/session-input.ts';
import type { Split } from '../training/split.ts';
import { earlierFilesOverLimit, overLimit } from './ledger-refusals.ts';
import { openNodeLedgerStore } from './node-ledger-store.ts';

/** Epsilon of the most exposed unit of each part. The parts share no unit: each has the limit to itself. */
export interface PartsSpent {
  readonly training: number;
  readonly heldOut: number;
}

export interface TrainLedger {
  readonly charges: ChargePort;
  /** Earlier files whose limit had to rise, because their people may be in this one too. */
  readonly earlierFilesRaised: number;
  /** By the end of the run, its score included where it fits. */
  readonly after: PartsSpent & { readonly scoreFits: boolean };
  /** Over all runs in this ledger. */
  spent(): PartsSpent;
  end(state: RunEvent['state']): Promise<void>;
}

/** Entries carry the minute they were written in: how long a single step took would tell how many notes were drawn. */
const clockMs = 60_000;

/** The least that `--epsilon` is advised to be: where not even that fits, a smaller one is no way out. */
const leastEpsilon = 0.01;

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
  const [training, heldOut] = [hashed(split.training), hashed(split.heldOut)];
  const { splitId, events: cohorts } = cohortsOf({ unit: plan.unit, keyId: keyIdOf(key), training, heldOut, declarationId: null, personNaming });
  const cohortIds = { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId };

  await ledger.append(cohorts);
  const allowed = limit ?? ledger.balance(splitId)?.epsilonLimit ?? Math.max(defaultEpsilonLimit, plan.epsilon);
  const budget: LedgerEvent = { kind: 'budget', id: randomUUID(), cohortIds: Object.values(cohortIds), epsilonLimit: allowed, delta: plan.delta };
  const extra = { training: plannedCharges(plan, trainingUnits, classes) };
  const entered = ledger.preview([budget]);
  const spentAfter = (charges: ExtraCharges) => ledger.bounds.tightly(() => (ledger.isChainIntact ? entered.balance(splitId, charges)?.epsilonSpent : null) ?? Infinity);
  const least: ExtraCharges = { training: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(Math.min(leastEpsilon, plan.epsilon), plan.delta) }, count: 1 }] };
  const common = () => {
    const notes = [...split.training, ...split.heldOut];
    const found = commonNotes(entered.commonWith(splitId), [...training, ...heldOut], (index) => notes[index]?.row ?? 0);
    // A held-out file has rows of its own.
    return plan.heldOutShare === 0 ? { ...found, rows: [] } : { ...found, rows: [...found.rows].sort((a, b) => a - b) };
  };
  if (!isWithin(spentAfter(extra), allowed)) throw overLimit(spentAfter(extra), allowed, spentAfter({}), { fitsSmaller: isWithin(spentAfter(least), allowed), common: common() });
  const raised = entered.affectedBy(splitId).filter((other) => other !== splitId).flatMap((other): LedgerEvent[] => {
    const afterCharges = (charges: ExtraCharges) => ledger.bounds.tightly(() => entered.balance(other, charges, splitId));
    const after = afterCharges(extra);
    if (!after || isWithin(after.epsilonSpent, after.epsilonLimit)) return [];
    const allowedThere = Math.max(limit ?? 0, after.epsilonLimit);
    if (limit === null || !isWithin(after.epsilonSpent, limit)) throw earlierFilesOverLimit(after.epsilonSpent, allowedThere, { fitsSmaller: isWithin(afterCharges(least)?.epsilonSpent ?? Infinity, allowedThere), common: common() });
    return [{ kind: 'budget', id: randomUUID(), cohortIds: entered.cohortIdsOf(other), epsilonLimit: after.epsilonSpent, delta: after.delta }];
  });
  const runId = randomUUID();
  const run = (state: RunEvent['state']): RunEvent => ({ kind: 'run', id: randomUUID(), runId, state });
  await ledger.append([budget, ...raised, run('started')]);
  const partsAfter = (charges: ExtraCharges): PartsSpent => {
    const balance = ledger.bounds.tightly(() => ledger.balanceAfter(splitId, charges));
    return balance ? { training: balance.epsilonTraining, heldOut: balance.epsilonHeldOut } : { training: Infinity, heldOut: Infinity };
  };
  const scored = { ...extra, 'held-out': heldOutCharges(plan) };
  // A run leaves out a score that does not fit.
  const scoreFits = plan.validationEpsilon === null || ledger.preview([]).refusal(splitId, scored) === null;
  return {
    earlierFilesRaised: raised.length,
    charges: ledgerCharges(ledger, cohortIds, runId, randomUUID),
    after: { ...partsAfter(scoreFits ? scored : extra), scoreFits },
    spent: () => partsAfter({}),
    end: (state) => ledger.append([run(state)]),
  };
}
