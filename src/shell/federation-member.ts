import { errorToPlain } from '../ground/errors.ts';
import { sharedEpsilon, type Agreement } from '../federation/agreement.ts';
import { backoffMs } from '../federation/backoff.ts';
import type { CoordinatorClient, SeatName } from '../federation/coordinator-client.ts';
import { isInvitationRefused, overBudget, unreachable } from '../federation/errors.ts';
import type { Clock, Exchange } from '../federation/exchange.ts';
import { FleetClient, isPassing, type Transport } from '../federation/fleet-client.ts';
import { FederationNode, type NextStep, type NodeSettings } from '../federation/node.ts';
import { spentNoiseMultipliers, type NodeRecord } from '../federation/node-record.ts';
import type { SentBody } from '../federation/sent-body.ts';
import type { Sha256, SigningKey } from '../federation/signing.ts';
import type { FederationStatus } from '../federation/status.ts';
import type { UpdateSource } from '../federation/update-source.ts';
import type { Failure } from '../state/failure.ts';
import { roundOverBudget } from '../training/federated-errors.ts';
import { driveNode, type Driven } from './federation-driver.ts';
import type { ChargedRounds, MembershipRecord, RoundState } from './federation-membership.ts';
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
  /** Writes a body down before it goes. */
  readonly onLeaving: (body: SentBody) => Promise<void>;
  /** By the ledger. */
  readonly charged: () => Promise<ChargedRounds>;
  /** Something that the page shows has changed. */
  readonly onChange: () => void;
}

/** For the coordinator's word on a round; later than that the round begins without it. */
const STATUS_LIMIT_MS = 4000;

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
  #isLeaving = false;
  #isWorking = false;
  #wake: () => void = () => undefined;

  constructor(parts: MemberParts, record: MembershipRecord) {
    this.#parts = parts;
    this.#record = record;
  }

  /** As kept, and ended where it was brought to a halt here. */
  get record(): MembershipRecord {
    return this.isHalted ? { ...this.#record, ended: { failure: this.#halted } } : this.#record;
  }
  /** Whether it was brought to a halt here, of which nothing is kept. */
  get isHalted(): boolean {
    return this.#halted !== null && !this.#record.ended;
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

  get isLeaving(): boolean {
    return this.#isLeaving || this.nodeRecord?.membership.state === 'leaving';
  }

  /** Whether the page was closed while this person was leaving: then no seat is taken first, and no model fetched. */
  async recall(): Promise<void> {
    const kept = await this.#parts.store.load();
    if (kept?.taskHash === this.#record.taskHash && kept.membership.state === 'leaving') this.#isLeaving = true;
  }

  /** Saves the record with fields changed: whoever else writes to it goes through here. */
  async change(change: (record: MembershipRecord) => MembershipRecord): Promise<void> {
    this.#record = change(this.#record);
    await this.#parts.store.saveMembership(this.#record);
    this.#parts.onChange();
  }

  /** One try to take the seat: the room's link is turned into an invitation first, and kept, so that a reload takes no second seat. */
  async takeSeat(): Promise<void> {
    const { coordinator, store } = this.#parts;
    const { link, taskHash } = this.#record;
    if (link === null) return;
    if (link.kind !== 'seat') {
      const { seat, invitation } = await dealtSeat(coordinator, store, link);
      await this.change((record) => ({ ...record, seat, link: { kind: 'seat', token: invitation } }));
      return this.takeSeat();
    }
    try {
      const { seat, seats } = await coordinator.enrol({ key: await store.signingKey(), taskHash }, link.token);
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
      if (this.#isStopped) return;
      const node = await this.#opened();
      // Who leaves after the end still has to say so.
      if (this.#record.ended && node.record.membership.state === 'member') return;
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

  /** Leaves for good. Resolves to whether the server knows; where it does not, `work` goes on telling it, and the key is kept for that alone. */
  async leave(): Promise<boolean> {
    const node = await this.#leaving();
    const leaving = node.leave();
    this.#parts.onChange();
    const wasTold = await leaving;
    await this.#left();
    return wasTold;
  }

  /** Leaves without another word to the server: the key is destroyed now. */
  async destroyKey(): Promise<void> {
    await (await this.#leaving()).destroyKey();
    await this.#left();
  }

  async #leaving(): Promise<FederationNode> {
    this.#isLeaving = true;
    this.#wake();
    return this.#opened();
  }

  async #left(): Promise<void> {
    this.#driven?.wake();
    // A link that stayed would take a seat after the next reload.
    await this.change(({ link, ...record }) => ({ ...record, link: null, ...(link?.kind === 'seat' && record.seat === null ? { unanswered: link.token } : {}) }));
  }

  /** Tells the coordinator; there is nothing to tell of a seat that was never asked for. */
  async #resign(key: SigningKey): Promise<void> {
    const { taskHash } = this.#record;
    const seat = seatOf(this.#record);
    if (seat !== null) await this.#parts.coordinator.leave({ key, taskHash }, seat);
  }

  async #statusInTime(): Promise<FederationStatus> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(unreachable('status')), STATUS_LIMIT_MS); });
    try {
      return await Promise.race([this.#parts.coordinator.status(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The network is back: looks at once, however long it would have waited. */
  wake(): void {
    this.#wake();
    this.#driven?.wake();
  }

  /** Takes no further step; what was saved goes on after the next start. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
    this.#driven?.stop();
  }

  /** All rounds are done: nothing more will be asked. */
  async noteStatus({ state }: FederationStatus): Promise<void> {
    if (state === 'finished' && !this.#isLeaving && this.#node && this.#node.record.work === null && this.#node.record.membership.state !== 'leaving' && !this.#record.ended) await this.#end(this.#node, null);
  }

  async #seated(): Promise<void> {
    for (let attempt = 1; !this.#isStopped && !this.#isLeaving && this.#record.link !== null; attempt++) {
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
    const { store, transport, clock, sha256, settings, createSource, onExchange, onLeaving } = this.#parts;
    const { task, taskHash, epsilonLimit, projectId } = this.#record;
    const agreement: Agreement = { task, taskHash, epsilonLimit };
    const key = await store.signingKey();
    const source = createSource(agreement, projectId, (state) => {
      this.#source = state;
      this.#parts.onChange();
    });
    this.#node = await FederationNode.open({ fleet: new FleetClient({ transport, key, clock, sha256, onExchange, onLeaving }), publicKeySpki: key.publicKeySpki, store, agreement, source, resign: () => this.#resign(key), status: () => this.#statusInTime(), sha256, random: Math.random, settings });
    return this.#node;
  }

  #onStep(node: FederationNode, step: NextStep): void {
    this.#failure = step.kind === 'wait' && step.error ? failureOf(step.error) : null;
    if (node.record.work === null && !this.#record.ended && !this.isLeaving) void this.#endByBudget(node).catch(() => undefined);
    this.#parts.onChange();
  }

  /** Ends where the last round was declined because there is no budget for another. */
  async #endByBudget(node: FederationNode): Promise<void> {
    const { rounds, taskHash } = node.record;
    const last = rounds.at(-1);
    if (last?.taskHash !== taskHash) return;
    const { task, epsilonLimit } = this.#record;
    if (last.reason === 'training/federated-budget') return this.#end(node, failureOf(roundOverBudget(last.round ?? 0)));
    if (last.reason !== 'federation/over-budget') return;
    // Either may have known less than the other: the record of a node, and the ledger.
    const known = [spentNoiseMultipliers(rounds.slice(0, -1), taskHash), [...(await this.#parts.charged()).values()]];
    const epsilon = Math.max(...known.map((multipliers) => sharedEpsilon(task, [...multipliers, task.noiseMultiplier])));
    if (!this.#record.ended) await this.#end(node, failureOf(overBudget(epsilon, epsilonLimit)));
  }

  async #end(node: FederationNode, failure: Failure | null): Promise<void> {
    this.#record = { ...this.#record, ended: { failure } };
    this.#driven?.stop();
    await node.rest();
    await this.change((record) => record).catch(() => undefined);
  }
}

function seatOf({ seat, link, unanswered }: MembershipRecord): SeatName | null {
  const invitation = link?.kind === 'seat' ? link.token : unanswered;
  return seat !== null ? { seat } : invitation !== undefined ? { invitation } : null;
}
