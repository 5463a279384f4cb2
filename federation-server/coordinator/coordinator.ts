import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { Task } from '../../src/federation/task.ts';
import { Departures } from './departures.ts';
import { FederationApi } from './federation-api.ts';
import { FleetGate } from './fleet-gate.ts';
import { answerableSinceSeconds } from './given-instructions.ts';
import type { InvitationLinks } from './invitation-links.ts';
import type { PolicyLog } from './policy-log.ts';
import { Presence } from './presence.ts';
import { requestHandler } from './request-handler.ts';
import { federationStatus, type Supervised } from './run-status.ts';
import type { Seats } from './seats.ts';
import { SignatureCheck } from './signed-caller.ts';
import { superLinkNodes } from './superlink-nodes.ts';
import { StaticFiles } from './static-files.ts';
import { TokenBuckets } from './token-bucket.ts';

/** Calls of a member: a round of five megabytes is a dozen. */
const memberRate = { perSecond: 20, burst: 40 };
/** Calls that name no secret of this federation, of one address: guesses. */
const postRate = { perSecond: 5, burst: 60 };
/** Of the coordinator's own addresses: a model after each round, and leaving; of one invitation: joining. */
const ownRate = { perSecond: 1, burst: 10 };
/** Answers made anew for one address, which may be all seats behind one router: a page looks every five seconds and before each round, a wall every two. The burst is all of them opening the page at once. */
const getRate = (seatCount: number) => ({ perSecond: Math.max(25, seatCount), burst: Math.max(300, 10 * seatCount) });

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
  const departures = new Departures({ seats, nodes: superLinkNodes(parts.upstreamPort), log, onLeft: (keyHash) => presence.left(keyHash) });
  // Of somebody who left while the SuperLink was away.
  void departures.settle();
  const status = () => federationStatus({ task, taskHash, outFolder, minClients: parts.minClients, supervised: parts.supervised, seats: () => seats.counts(), present: () => presence.count(), refused: () => log.counts() });
  const gate = new FleetGate({ upstreamPort: parts.upstreamPort, task, seats, signatures, rates: new TokenBuckets(memberRate, nowMs), log, onHeard, departures, answerableSinceSeconds: () => answerableSinceSeconds(outFolder) });
  const api = new FederationApi({ taskFile: parts.taskFile, taskHash, outFolder, seats, links, isDealing: parts.isDealing, fingerprint: parts.fingerprint, status, signatures, rates: { get: new TokenBuckets(getRate(seats.counts().seats), nowMs), post: new TokenBuckets(postRate, nowMs), member: new TokenBuckets(ownRate, nowMs) }, log, onHeard, departures, nowMs });
  return { handle: requestHandler({ gate, api, files: new StaticFiles(parts.filesFolder), log }), close: () => { departures.close(); gate.close(); } };
}
