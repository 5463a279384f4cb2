import { releasableBecause, type Releasable } from '../../../privacy/doors.ts';
import type { FederationMembership, SentLine } from '../../../shell/federation.service.ts';

const timeOf = (atMs: number) => new Date(atMs).toISOString();

/**
 * What left for a federation, as JSON for whoever checks it: the agreement, charges by the ledger, and what the server has had. Neither the energy of a round
 * nor whether a model that came back was taken goes along: both follow from the own notes, and no epsilon covers them.
 */
export function sentList(membership: FederationMembership, lines: readonly SentLine[]): Releasable<string> {
  const { task, taskHash, seat, epsilonLimit, epsilonSpent, sentBytes, receivedBytes } = membership;
  const list = {
    task: task.name, coordinator: task.coordinator, taskHash, seat, epsilonLimit, epsilonSpent, delta: task.delta, sentBytes, receivedBytes,
    rounds: membership.rounds.map(({ round, atMs, outcome, reason, epsilon, clamps, sent }) => ({ round, at: timeOf(atMs), outcome, reason, epsilon, clamps, sent })),
    bodies: lines.map(({ endpoint, sha256, bytes, times, firstAtMs, lastAtMs }) => ({ endpoint, sha256, bytes, times, first: timeOf(firstAtMs), last: timeOf(lastAtMs) })),
    models: membership.models.map(({ version, round, sha256, atMs }) => ({ version, round, sha256, at: timeOf(atMs) })),
  };
  return releasableBecause('public', `${JSON.stringify(list, null, 2)}\n`);
}
