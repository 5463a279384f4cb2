import { errorToPlain } from '../ground/errors.ts';
import { sharedEpsilon, type Agreement } from '../federation/agreement.ts';
import { backoffMs } from '../federation/backoff.ts';
import type { CoordinatorClient } from '../federation/coordinator-client.ts';
import { isInvitationRefused, overBudget } from '../federation/errors.ts';
import type { Clock, Exchange } from '../federation/exchange.ts';
import { FleetClient, isPassing, type Transport } from '../federation/fleet-client.ts';
import { FederationNode, type NextStep, type NodeSettings } from '../federation/node.ts';
import { spentNoiseMultipliers, type NodeRecord } from '../federation/node-record.ts';
import type { Sha256 } from '../federation/signing.ts';
import type { FederationStatus } from '../federation/status.ts';
import type { UpdateSource } from '../federation/update-source.ts';
import type { Failure } from '../state/failure.ts';
import { roundOverBudget } from '../training/federated-errors.ts';
import { driveNode, type Driven } from './federation-driver.ts';
import type { MembershipRecord, RoundState } from './federation-membership.ts';
import { dealtSeat } from './federation-seat.ts';
import type { FederationStore } from './federation-store.ts';

export interface MemberParts {
  readonly store: FederationStore;
  readonly coordinator: CoordinatorClient;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly settings: NodeSettings;
  readonly createSource: (agreement: Agreement, projectId: string, onState: (state: RoundState) => void) => UpdateSource;
  readonly onExchange: (exchange: Exchange) => void;
  /** Something that the page shows has changed. */
  readonly onChange: () => void;
}

export function failureOf(error: unknown): Failure {
  const { code, message, hint, values } = errorToPlain(error);
  return { code, message, hint, values };
}

/** This device's membership while this tab acts for it: takes the seat, drives the node, ends when the person leaves, the budget ends or all rounds are done. */
export class FederationMember {
  readonly #parts: MemberParts;
  #record: MembershipRecord;
  #node: FederationNode | null = null;
  #driven: Driven | null = null;
  #source: RoundState = { kind: 'idle' };
  #failure: Failure | null = null;
  /** What went wrong for as long as this page lives. */
  #halted: Failure | null = null;
  #isStopped = false;
  #isWorking = false;
  #wake: () => void = () => undefined;

  constructor(parts: MemberParts, record: MembershipRecord) {
    this.#parts = parts;
    this.#record = record;
  }

  /** As kept, and ended where it was brought to a halt here. */
  get record(): MembershipRecord {
    return this.#halted && !this.#record.ended ? { ...this.#record, ended: { failure: this.#halted } } : this.#record;
  }
  get nodeRecord(): NodeRecord | null {
    return this.#node?.record ?? null;
  }
  get source(): RoundState {
    return this.#source;
  }
  get failure(): Failure | null {
    return this.#failure;
  }

  /** Whether this tab acts for the device: it holds the lock. */
  get isWorking(): boolean {
    return this.#isWorking;
  }

  /** Saves the record with fields changed: whoever else writes to it goes through here. */
  async change(change: (record: MembershipRecord) => MembershipRecord): Promise<void> {
    this.#record = change(this.#record);
    await this.#parts.store.saveMembership(this.#record);
    this.#parts.onChange();
  }

  /** Counts bytes; kept with the next save. */
  count({ sentBytes, receivedBytes }: Exchange): void {
    this.#record = { ...this.#record, sentBytes: this.#record.sentBytes + sentBytes, receivedBytes: this.#record.receivedBytes + receivedBytes };
  }

  /** One try to take the seat: the room's link is turned into an invitation first, and kept, so that a reload takes no second seat. */
  async takeSeat(): Promise<void> {
    const { coordinator, store } = this.#parts;
    const { link } = this.#record;
    if (link === null) return;
    if (link.kind !== 'seat') {
      const { seat, invitation } = await dealtSeat(coordinator, store, link);
      await this.change((record) => ({ ...record, seat, link: { kind: 'seat', token: invitation } }));
      return this.takeSeat();
    }
    try {
      const { seat, seats } = await coordinator.enrol(await store.signingKey(), link.token);
      await this.change((record) => ({ ...record, seat, seats, link: null }));
    } catch (error) {
      if (isInvitationRefused(error)) await this.#forgetDealt(link.token);
      throw error;
    }
    await this.#forgetDealt(link.token);
  }

  /** Works until there is nothing more to do here, or `stop`. Never rejects. */
  async work(): Promise<void> {
    this.#isWorking = true;
    try {
      await this.#seated();
      if (this.#isStopped || this.#record.ended) return;
      const node = await this.#opened();
      this.#parts.onChange();
      this.#driven = driveNode(node, (step) => this.#onStep(node, step));
      // Asked to stop while the node was being opened.
      if (this.#isStopped) this.#driven.stop();
      const error = await this.#driven.ended;
      if (error !== null) this.#halted = failureOf(error);
    } catch (error) {
      this.#halted = failureOf(error);
    } finally {
      this.#isWorking = false;
      this.#driven = null;
      await this.#parts.store.saveMembership(this.#record).catch(() => undefined);
      this.#parts.onChange();
    }
  }

  /** Leaves for good: the key is destroyed, whether or not the server could be told. Resolves to whether it was. */
  async leave(): Promise<boolean> {
    this.#isStopped = true;
    this.#wake();
    const node = await this.#opened();
    const leaving = node.leave();
    this.#parts.onChange();
    const wasTold = await leaving;
    this.#driven?.stop();
    await this.change((record) => ({ ...record, link: null }));
    return wasTold;
  }

  /** Takes no further step; what was saved goes on after the next start. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
    this.#driven?.stop();
  }

  /** All rounds are done: nothing more will be asked. */
  async noteStatus({ state }: FederationStatus): Promise<void> {
    if (state === 'finished' && this.#node && this.#node.record.work === null && !this.#record.ended) await this.#end(this.#node, null);
  }

  async #seated(): Promise<void> {
    for (let attempt = 1; !this.#isStopped && this.#record.link !== null; attempt++) {
      try {
        await this.takeSeat();
        this.#failure = null;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#failure = failureOf(error);
        this.#parts.onChange();
        await this.#wait(backoffMs(attempt, Math.random));
      }
    }
  }

  /** Worth no error: one that was kept too long is refused, and forgotten then. */
  async #forgetDealt(invitation: string): Promise<void> {
    await this.#parts.store.forgetDealt(invitation).catch(() => undefined);
  }

  #wait(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #opened(): Promise<FederationNode> {
    if (this.#node) return this.#node;
    const { store, transport, clock, sha256, settings, createSource, onExchange } = this.#parts;
    const { task, taskHash, epsilonLimit, projectId } = this.#record;
    const agreement: Agreement = { task, taskHash, epsilonLimit };
    const key = await store.signingKey();
    const source = createSource(agreement, projectId, (state) => {
      this.#source = state;
      this.#parts.onChange();
    });
    this.#node = await FederationNode.open({ fleet: new FleetClient({ transport, key, clock, sha256, onExchange }), publicKeySpki: key.publicKeySpki, store, agreement, source, sha256, random: Math.random, settings });
    return this.#node;
  }

  #onStep(node: FederationNode, step: NextStep): void {
    this.#failure = step.kind === 'wait' && step.error ? failureOf(step.error) : null;
    const refusal = node.record.work === null ? this.#budgetRefusal(node.record) : null;
    if (refusal !== null && !this.#record.ended) void this.#end(node, refusal);
    this.#parts.onChange();
  }

  /** Why the last round was declined, where there is no budget for another. */
  #budgetRefusal({ rounds, taskHash }: NodeRecord): Failure | null {
    const last = rounds.at(-1);
    if (last?.taskHash !== taskHash) return null;
    const { task, epsilonLimit } = this.#record;
    if (last.reason === 'federation/over-budget') return failureOf(overBudget(sharedEpsilon(task, [...spentNoiseMultipliers(rounds, taskHash), task.noiseMultiplier]), epsilonLimit));
    return last.reason === 'training/federated-budget' ? failureOf(roundOverBudget(last.round ?? 0)) : null;
  }

  async #end(node: FederationNode, failure: Failure | null): Promise<void> {
    this.#record = { ...this.#record, ended: { failure } };
    this.#driven?.stop();
    await node.rest();
    await this.change((record) => record).catch(() => undefined);
  }
}
