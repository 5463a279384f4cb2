import { sharedEpsilon, type Agreement, type RoundTerms } from '../federation/agreement.ts';
import { overBudget } from '../federation/errors.ts';
import type { UpdateSource } from '../federation/update-source.ts';
import type { DataPart } from '../privacy/events.ts';
import { ledgerUnreadable } from '../privacy/ledger-errors.ts';
import type { Ledger } from '../privacy/ledger.ts';
import type { FederatedData } from '../training/federated-task.ts';
import { chargedRounds } from '../training/federated-task.ts';
import { FederatedUpdates, type FederatedParts } from '../training/federated-update.ts';
import { ledgerCharges } from '../training/ledger-charges.ts';
import { createKeyStream } from './key-stream.ts';
import { takeTurn } from './turn.ts';

export interface FederationSourceParts extends FederatedData, Pick<FederatedParts, 'trainers' | 'onProgress'> {
  readonly agreement: Agreement;
  /** Knows the cohorts and has a limit for them. */
  readonly ledger: Ledger;
  readonly cohortIds: Readonly<Record<DataPart, string>>;
}

/** Of a federation's charges in the ledger: the same on this device for ever, so that leaving and joining again trains no round a second time. */
export function federationRunId(taskHash: string): string {
  return `federation-${taskHash}`;
}

/** What was charged for each round of a federation, by the ledger: noise multipliers by round, whichever membership they were charged in. */
export function chargedMultipliers(ledger: Pick<Ledger, 'entries'>, taskHash: string): ReadonlyMap<number, number> {
  const runId = federationRunId(taskHash);
  return new Map(ledger.entries.flatMap(({ event }) => (event.kind === 'charge' && event.runId === runId ? [[event.step, event.mechanism.noiseMultiplier] as const] : [])));
}

/**
 * Holds the limit that the person set to what the ledger says was charged, also where the node's own record knows less: it may have been erased apart.
 * @throws `federation/over-budget` where one more round of this noise would pass it.
 */
export function checkPersonalLimit({ task, taskHash, epsilonLimit }: Agreement, ledger: Pick<Ledger, 'entries'>, { round, noiseMultiplier }: Pick<RoundTerms, 'round' | 'noiseMultiplier'>): void {
  const charged = chargedMultipliers(ledger, taskHash);
  // A round that was charged already is refused as that.
  if (charged.has(round)) return;
  const epsilon = sharedEpsilon(task, [...charged.values(), noiseMultiplier]);
  if (epsilon > epsilonLimit) throw overBudget(epsilon, epsilonLimit);
}

/**
 * The guard's source of updates for one agreement: charges the ledger, draws a new key for every round, and knows by the ledger which rounds were charged.
 * @throws `training/federated-task` where the task does not fit the model or the notes; `storage/ledger-unreadable` where the ledger cannot say which rounds were charged.
 */
export function guardedSource({ agreement: { task, taskHash }, ledger, cohortIds, ...parts }: FederationSourceParts): UpdateSource {
  const runId = federationRunId(taskHash);
  if (!ledger.isChainIntact) throw ledgerUnreadable();
  return new FederatedUpdates({
    ...parts,
    task,
    runId,
    chargedRounds: chargedRounds(ledger.entries.map(({ event }) => event), runId),
    charges: ledgerCharges(ledger, cohortIds, runId, () => crypto.randomUUID()),
    freshKeys: createKeyStream,
    clock: () => performance.now(),
    yields: takeTurn,
  });
}
