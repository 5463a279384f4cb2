import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { Task } from '../../src/federation/task.ts';
import { FederationApi } from './federation-api.ts';
import { FleetGate } from './fleet-gate.ts';
import type { InvitationLinks } from './invitation-links.ts';
import type { PolicyLog } from './policy-log.ts';
import { Presence } from './presence.ts';
import { requestHandler } from './request-handler.ts';
import { federationStatus, type Supervised } from './run-status.ts';
import type { Seats } from './seats.ts';
import { SignatureCheck } from './signed-caller.ts';
import { StaticFiles } from './static-files.ts';
import { TokenBuckets } from './token-bucket.ts';

/** Calls of a member: a round of five megabytes is a dozen. */
const memberRate = { perSecond: 20, burst: 40 };
/** Calls that anybody may make, of one address: a class behind one router is one. */
const postRate = { perSecond: 5, burst: 60 };
/** Thirty pages that look every five seconds and a wall make eight a second; the burst is all of them loading the page and fetching a model at once. */
const getRate = { perSecond: 25, burst: 300 };

export interface CoordinatorParts {
  readonly task: Task;
  readonly taskFile: Buffer;
  /** Where the ServerApp writes. */
  readonly outFolder: string;
  /** The built app. */
  readonly filesFolder: string;
  readonly upstreamPort: number;
  readonly minClients: number;
  readonly isDealing: boolean;
  readonly fingerprint: string | null;
  readonly seats: Seats;
  readonly links: InvitationLinks;
  readonly log: PolicyLog;
  readonly nowMs: () => number;
  readonly supervised: () => Supervised;
}

export interface Coordinator {
  readonly handle: RequestListener;
  close(): void;
}

/** Everything that is served, put together; for an http or https server. */
export function coordinatorHandler(parts: CoordinatorParts): Coordinator {
  const { task, outFolder, seats, log, nowMs, links } = parts;
  const taskHash = createHash('sha256').update(parts.taskFile).digest('hex');
  const presence = new Presence(nowMs);
  const signatures = new SignatureCheck(nowMs);
  const onHeard = (keyHash: string): void => presence.heard(keyHash);
  const onLeft = (keyHash: string): void => presence.left(keyHash);
  const status = () => federationStatus({ task, taskHash, outFolder, minClients: parts.minClients, supervised: parts.supervised, seats: () => seats.counts(), present: () => presence.count(), refused: () => log.counts() });
  const gate = new FleetGate({ upstreamPort: parts.upstreamPort, task, seats, signatures, rates: new TokenBuckets(memberRate, nowMs), log, onHeard, onLeft });
  const api = new FederationApi({ taskFile: parts.taskFile, outFolder, seats, links, isDealing: parts.isDealing, fingerprint: parts.fingerprint, status, signatures, rates: { get: new TokenBuckets(getRate, nowMs), post: new TokenBuckets(postRate, nowMs) }, log, onHeard });
  return { handle: requestHandler({ gate, api, files: new StaticFiles(parts.filesFolder), log }), close: () => gate.close() };
}
