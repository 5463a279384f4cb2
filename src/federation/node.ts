import { BedsideError } from '../ground/errors.ts';
import type { Agreement } from './agreement.ts';
import { backoffMs } from './backoff.ts';
import { endpoints, serverCodes } from './endpoints.ts';
import { isUnknownKey, otherAgreement } from './errors.ts';
import { isPassing, refusalCode, type FleetClient } from './fleet-client.ts';
import { withRound, type NodeRecord, type NodeStore, type RoundEntry, type Work } from './node-record.ts';
import { pollWaitMs } from './polling.ts';
import { deadlineSeconds } from './reply.ts';
import { RoundWork } from './round-work.ts';
import { publicKeyPem, type Sha256 } from './signing.ts';
import { saysRoundIsOver, type FederationStatus } from './status.ts';
import type { UpdateSource } from './update-source.ts';

export interface NodeSettings {
  /** The server counts a node as gone after twice this. 10 to 1800; a tab in the background is slowed down, so not short. */
  readonly heartbeatIntervalSeconds: number;
  /** Between two looks for a message, where the server is not busy. */
  readonly pollMs: number;
}

export interface NodeParts {
  readonly fleet: FleetClient;
  readonly publicKeySpki: Uint8Array;
  readonly store: NodeStore;
  readonly agreement: Agreement;
  readonly source: UpdateSource;
  /** Tells a coordinator that this key leaves, so that the seat is closed even where the SuperLink does not answer. Without one the SuperLink alone is told. */
  readonly resign?: () => Promise<void>;
  /** The coordinator's word on how far the federation is; rejects within seconds where it cannot be had. Without one no round is over before its time is up. */
  readonly status?: () => Promise<FederationStatus>;
  readonly sha256: Sha256;
  /** In [0, 1); spreads devices over time and is no secret. */
  readonly random: () => number;
  readonly settings: NodeSettings;
}

/** When to call `advance` again: after `waitMs`, or as soon as `until` is settled. */
export type NextStep =
  | { readonly kind: 'wait'; readonly waitMs: number; readonly until?: Promise<unknown>; /** Why it waits longer than usual. */ readonly error?: BedsideError }
  | { readonly kind: 'ended'; /** What ended it; none where the person left. */ readonly error?: BedsideError };

const LEAVE_TRIES = 2;
/** A server that says no to every heartbeat leaves the next one due at once. */
const LEAST_WAIT_MS = 1000;

/**
 * One browser's membership in a federation. It has no timer: `advance` does what is due and says when it wants to be called again.
 * Everything that must outlast a reload is in the record, saved before the server is told. One node of a store may act at a time: the caller holds a lock.
 */
export class FederationNode {
  readonly #parts: NodeParts;
  readonly #work: RoundWork;
  #record: NodeRecord;
  #queue: Promise<unknown> = Promise.resolve();
  #isLeaving = false;
  #isOnline = false;
  #nextHeartbeatMs = 0;
  #failures = 0;
  #halted: BedsideError | null = null;

  private constructor(parts: NodeParts, record: NodeRecord) {
    this.#parts = parts;
    this.#record = record;
    const { fleet, agreement, source, sha256 } = parts;
    this.#work = new RoundWork({ fleet, agreement, source, sha256, isRoundOver: (round) => this.#isRoundOver(round), isLeaving: () => this.#isLeaving, keepAlive: () => this.#keepAlive() });
  }

  /** Takes up what the store holds, or begins anew: rounds that were paid for before stay paid for. */
  static async open(parts: NodeParts): Promise<FederationNode> {
    const { taskHash } = parts.agreement;
    const kept = await parts.store.load();
    if (kept !== null && kept.membership.state !== 'left' && kept.taskHash !== taskHash) throw otherAgreement();
    if (kept !== null && kept.membership.state !== 'left') return new FederationNode(parts, kept);
    const record: NodeRecord = { version: 1, taskHash, membership: { state: 'joining' }, rounds: kept?.rounds ?? [], work: null };
    await parts.store.save(record);
    return new FederationNode(parts, record);
  }

  get record(): NodeRecord {
    return this.#record;
  }

  /** Does what is due. Never rejects: what goes wrong is in the answer. */
  advance(): Promise<NextStep> {
    return this.#inTurn(async () => {
      if (this.#halted) return { kind: 'ended', error: this.#halted };
      try {
        const next = await this.#advance();
        this.#failures = 0;
        return next;
      } catch (error) {
        return this.#afterError(error);
      }
    });
  }

  /**
   * Ends the membership: nothing is answered from here on, a round being trained is cancelled. The key is destroyed once the server knows, which is tried at
   * once and then by `advance`, also after a reload: without the key nobody could tell it. Resolves to whether it knows by now.
   */
  leave(): Promise<boolean> {
    this.#isLeaving = true;
    this.#parts.source.cancel();
    // At once: a call that is under way may take a minute, and a page that is closed meanwhile must not answer rounds again.
    const noted = this.#record.membership.state === 'left' ? Promise.resolve() : this.#save(this.#record);
    noted.catch(() => undefined);
    return this.#inTurn(async () => {
      await noted;
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#leave();
        } catch (error) {
          if (!isPassing(error)) throw error;
          if (attempt >= LEAVE_TRIES) return false;
        }
      }
    });
  }

  /** Destroys the key at once and leaves the server untold: it will find a silent node. Waits for no call that is under way. */
  async destroyKey(): Promise<void> {
    this.#isLeaving = true;
    this.#parts.source.cancel();
    if (this.#record.membership.state !== 'left') await this.#endMembership(false);
  }

  /** Goes offline and stays a member, whose key is still good: the server asks it for nothing more. Resolves also where the server could not be told, which then finds out by itself. */
  rest(): Promise<void> {
    return this.#inTurn(async () => {
      const { membership } = this.#record;
      // A heartbeat that follows would bring the node back.
      this.#isOnline = false;
      if (membership.state !== 'member') return;
      await this.#parts.fleet.call(endpoints.deactivate, { nodeId: membership.nodeId }).catch(() => undefined);
    });
  }

  /** No status, or one that is silent on the round, holds nobody up: the worst that follows is a round paid for in vain, as before there was a status. */
  async #isRoundOver(round: number): Promise<boolean> {
    const { status, agreement } = this.#parts;
    try {
      return status !== undefined && saysRoundIsOver(await status(), agreement.taskHash, round);
    } catch {
      return false;
    }
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #advance(): Promise<NextStep> {
    const { membership, work } = this.#record;
    if (membership.state === 'left') return { kind: 'ended' };
    if (membership.state === 'leaving' || this.#isLeaving) {
      await this.#leave();
      return { kind: 'ended' };
    }
    if (membership.state === 'joining') {
      await this.#register();
      return soon;
    }
    if (!this.#isOnline) await this.#goOnline(membership.nodeId);
    await this.#keepAlive();
    return work === null ? this.#pull(membership.nodeId) : this.#continue(work, membership.nodeId);
  }

  /** A key registers once for ever: where that was done before, activating gives the id. */
  async #register(): Promise<void> {
    const { fleet, publicKeySpki, settings } = this.#parts;
    const publicKey = publicKeyPem(publicKeySpki);
    let nodeId: bigint;
    try {
      nodeId = (await fleet.call(endpoints.register, { publicKey })).nodeId;
    } catch (error) {
      if (refusalCode(error) !== serverCodes.keyInUse) throw error;
      nodeId = (await fleet.call(endpoints.activate, { publicKey, heartbeatIntervalSeconds: settings.heartbeatIntervalSeconds })).nodeId;
      this.#wasHeard();
    }
    await this.#save({ ...this.#record, membership: { state: 'member', nodeId } });
  }

  /** Activates; a node that the server still takes for online (a reload) says a heartbeat instead. */
  async #goOnline(nodeId: bigint): Promise<void> {
    const { fleet, publicKeySpki, settings } = this.#parts;
    try {
      await fleet.call(endpoints.activate, { publicKey: publicKeyPem(publicKeySpki), heartbeatIntervalSeconds: settings.heartbeatIntervalSeconds });
      this.#wasHeard();
    } catch (error) {
      if (refusalCode(error) !== serverCodes.activationFailed) throw error;
      await this.#heartbeat(nodeId);
    }
  }

  async #keepAlive(): Promise<void> {
    const { membership } = this.#record;
    if (membership.state === 'member' && this.#isOnline && this.#parts.fleet.nowMs() >= this.#nextHeartbeatMs) await this.#heartbeat(membership.nodeId);
  }

  async #heartbeat(nodeId: bigint): Promise<void> {
    const { fleet, settings } = this.#parts;
    this.#isOnline = false;
    const { success } = await fleet.call(endpoints.heartbeat, { node: { nodeId }, heartbeatIntervalSeconds: settings.heartbeatIntervalSeconds });
    if (success) this.#wasHeard();
  }

  #wasHeard(): void {
    const { fleet, settings, random } = this.#parts;
    this.#isOnline = true;
    this.#nextHeartbeatMs = fleet.nowMs() + settings.heartbeatIntervalSeconds * 1000 * (0.5 + 0.3 * random());
  }

  async #pull(nodeId: bigint): Promise<NextStep> {
    const { fleet, settings, random } = this.#parts;
    const askedMs = fleet.nowMs();
    const { messages, trees } = await fleet.call(endpoints.pullMessages, { node: { nodeId } });
    const lookMs = fleet.nowMs() - askedMs;
    const [metadata] = messages.map((message) => message.metadata);
    const [tree] = trees;
    const isUsable = metadata !== undefined && tree !== undefined && Number.isFinite(deadlineSeconds(metadata)) && !this.#record.rounds.some(({ messageId }) => messageId === metadata.messageId);
    if (!isUsable) return { kind: 'wait', waitMs: pollWaitMs(settings.pollMs, lookMs, random) };
    await this.#save({ ...this.#record, work: { step: 'fetching', instruction: { metadata, tree } } });
    return soon;
  }

  async #continue(work: Work, nodeId: bigint): Promise<NextStep> {
    const result = await this.#work.step(work, nodeId, this.#record.rounds);
    if (result.kind === 'wait') return { kind: 'wait', waitMs: Math.min(result.waitMs, Math.max(LEAST_WAIT_MS, this.#nextHeartbeatMs - this.#parts.fleet.nowMs())), ...(result.until ? { until: result.until } : {}) };
    const rounds = isWorthKeeping(result.entry) ? withRound(this.#record.rounds, result.entry) : this.#record.rounds;
    await this.#save({ ...this.#record, rounds, work: result.kind === 'next' ? result.work : null });
    return soon;
  }

  async #leave(): Promise<boolean> {
    const { membership } = this.#record;
    if (membership.state === 'left') return membership.wasServerTold;
    this.#isLeaving = true;
    this.#isOnline = false;
    if (membership.state !== 'leaving') await this.#save(this.#record);
    const nodeId = membership.state === 'joining' ? null : membership.nodeId;
    const wasServerTold = await this.#tellServer(nodeId);
    await this.#endMembership(wasServerTold);
    return wasServerTold;
  }

  async #endMembership(wasServerTold: boolean): Promise<void> {
    const record: NodeRecord = { ...this.#record, membership: { state: 'left', wasServerTold }, work: null };
    await this.#parts.store.saveWithoutKey(record);
    this.#record = record;
  }

  /** No heartbeat may follow: it would bring the node back. Whether the server knows; false where it will not listen to this key. @throws what is worth another try. */
  async #tellServer(nodeId: bigint | null): Promise<boolean> {
    try {
      if (this.#parts.resign) {
        await this.#parts.resign();
        return true;
      }
    } catch (error) {
      if (isPassing(error)) throw error;
      if (isUnknownKey(error)) return true;
      // A coordinator of before has no such address.
    }
    if (nodeId === null) return false;
    try {
      await this.#ignoringRefusal(() => this.#parts.fleet.call(endpoints.deactivate, { nodeId }));
      await this.#parts.fleet.call(endpoints.unregister, { nodeId });
      return true;
    } catch (error) {
      if (isPassing(error)) throw error;
      return false;
    }
  }

  async #ignoringRefusal(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (refusalCode(error) === null) throw error;
    }
  }

  #afterError(error: unknown): NextStep {
    if (this.#isLeaving && error instanceof BedsideError && error.code === 'federation/left') return soon;
    const isOfflineStill = refusalCode(error) === serverCodes.activationFailed;
    if (error instanceof BedsideError && (isPassing(error) || isOfflineStill)) {
      this.#failures++;
      return { kind: 'wait', waitMs: backoffMs(this.#failures, this.#parts.random), error };
    }
    this.#halted = error instanceof BedsideError ? error : new BedsideError('internal/unexpected', 'internal', `Something failed that should not (${error instanceof Error ? error.name : typeof error}).`, 'Reload the page; nothing that was saved is lost.');
    return { kind: 'ended', error: this.#halted };
  }

  async #save(record: NodeRecord): Promise<void> {
    const kept = this.#isLeaving ? asLeaving(record) : record;
    await this.#parts.store.save(kept);
    this.#record = kept;
  }
}

/** Of somebody who leaves, whatever a step that was under way has come to: nothing is worked on any more. */
function asLeaving(record: NodeRecord): NodeRecord {
  const { membership } = record;
  if (membership.state === 'left') return record;
  return { ...record, membership: { state: 'leaving', nodeId: membership.state === 'joining' ? null : membership.nodeId }, work: null };
}

const soon: NextStep = { kind: 'wait', waitMs: 0 };

/** From the first thing that is known about an instruction. */
function isWorthKeeping({ outcome, reason, round }: RoundEntry): boolean {
  return outcome !== 'declined' || reason !== null || round !== null;
}
