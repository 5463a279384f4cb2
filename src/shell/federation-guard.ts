import { agreementFigures, agreeTo } from '../federation/agreement.ts';
import { CoordinatorClient } from '../federation/coordinator-client.ts';
import { hasLeft, isInvitationRefused } from '../federation/errors.ts';
import type { Exchange } from '../federation/exchange.ts';
import { isPassing } from '../federation/fleet-client.ts';
import { answeredNoiseMultipliers } from '../federation/node-record.ts';
import { bytesOfLines, type SentBody, type SentLine } from '../federation/sent-body.ts';
import type { Sha256 } from '../federation/signing.ts';
import type { FederationStatus } from '../federation/status.ts';
import { updateBytes, type Task } from '../federation/task.ts';
import { fetchTransport } from '../federation/transport.ts';
import { foundAtOnePercent, guessedRight } from '../privacy/attack-limit.ts';
import { readingOf } from './energy-of-work.ts';
import { alreadyMember, noMember, noSample, noSeatLink, projectIsMember, roundWaits, taskChanged } from './federation-errors.ts';
import { dealtProject } from './federation-sample.ts';
import { checkMayTakePart, fitOf, participantOf, type FitParts } from './federation-fit.ts';
import { defaultSettings, defaultStatusMs, ENVELOPE_BYTES, type FederationGuardParts } from './federation-guard-parts.ts';
import { anotherTab, asTheOnlyTab } from './federation-lock.ts';
import { failureOf, FederationMember } from './federation-member.ts';
import { viewOf, type ChargedRounds, type MembershipRecord } from './federation-membership.ts';
import { updatePreview } from './federation-preview.ts';
import { fetchRelease, isSameRelease, keepRelease, leastVersionOf } from './federation-receive.ts';
import { RoundSource } from './federation-round-source.ts';
import { dealtSeat } from './federation-seat.ts';
import { chargedMultipliers } from './federation-source.ts';
import { federationDatabaseName, openFederationStore, type FederationStore } from './federation-store.ts';
import { MembershipWatchers } from './federation-watchers.ts';
import type { FederationFit, FederationLink, FederationMembership, FederationOffer, ProjectorView, ReceivedModel, UpdatePreview } from './federation.service.ts';
import { trainingLockName } from './live-runs.ts';
import { createQueue } from './serial.ts';
import { otherTabTrains } from './storage-errors.ts';

const sha256: Sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

/** The federation inside the guard: node, key and notes stay here, the page asks and listens. */
export class FederationGuard {
  readonly #parts: FederationGuardParts;
  readonly #coordinator: CoordinatorClient;
  readonly #transport: ReturnType<typeof fetchTransport>;
  readonly #clock = { nowMs: () => Date.now() };
  readonly #watchers = new MembershipWatchers(() => this.#view());
  readonly #inTurn = createQueue();
  /** Before it goes, in the database: a page that dies in the middle has listed it. */
  readonly #list = async (body: SentBody): Promise<void> => (await this.#opened()).listSent(body);
  readonly #wake = (): void => this.#member?.wake();
  #store: Promise<FederationStore> | null = null;
  #member: FederationMember | null = null;
  #status: FederationStatus | null = null;
  /** Another tab acts for this device. */
  #isElsewhere = false;
  #sentBytes = 0;
  #poll: ReturnType<typeof setTimeout> | null = null;
  #isClosed = false;

  constructor(parts: FederationGuardParts) {
    this.#parts = parts;
    this.#transport = fetchTransport(parts.origin ?? location.origin, parts.send);
    this.#coordinator = new CoordinatorClient({ courier: this.#transport, clock: this.#clock, sha256, onExchange: (exchange) => this.#count(exchange), onLeaving: this.#list });
    addEventListener('online', this.#wake);
  }

  /** Bytes of request bodies since the page was loaded. */
  get sentBytes(): number { return this.#sentBytes; }

  async offer(): Promise<FederationOffer> {
    const [{ task, taskHash }, status, { sha256: baseModel }, membership] = await Promise.all([this.#coordinator.task(), this.#coordinator.status(), this.#parts.encoder(), this.#liveMembership()]);
    const { epsilonPerRound, epsilonTotal, mu } = agreementFigures(task);
    const claim = { epsilon: epsilonTotal, delta: task.delta, mu };
    const bytesPerRound = updateBytes(task) + ENVELOPE_BYTES;
    return {
      task, taskHash, status,
      address: new URL(this.#parts.origin ?? location.origin).host,
      figures: {
        bytesPerRound, bytesTotal: bytesPerRound * task.rounds, epsilonPerRound, epsilonTotal,
        guessingBound: guessedRight(claim), foundAtOnePercent: foundAtOnePercent(claim),
      },
      obstacle: !isSecureContext ? 'insecure-context' : status.state === 'finished' ? 'all-rounds-done' : task.head === undefined ? 'no-head' : task.baseModel !== baseModel ? 'other-base-model' : membership && membership.taskHash !== taskHash ? 'other-membership' : null,
    };
  }

  async fit(projectId: string, taskHash: string): Promise<FederationFit> {
    const [task, status] = await Promise.all([this.#agreedTask(taskHash), this.#coordinator.status()]);
    return fitOf(await this.#fitParts(), projectId, { task, taskHash }, status, await this.#charged(taskHash));
  }

  /** Asks for a seat without a key, which is made at joining. */
  async openDealtNotes(link: FederationLink): Promise<{ readonly projectId: string; readonly invitation: string; readonly seat: number }> {
    const { task } = await this.#coordinator.task();
    if (task.sample === undefined) throw noSample();
    if (await this.#liveMembership()) throw alreadyMember();
    const { seat, invitation } = await dealtSeat(this.#coordinator, await this.#opened(), link);
    return { projectId: await dealtProject(this.#parts.database, task, task.sample, seat), invitation, seat };
  }

  preview(projectId: string, taskHash: string, signal: AbortSignal): Promise<UpdatePreview> {
    return navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
      if (!lock) throw otherTabTrains();
      const { database, crew, loadEncoder } = this.#parts;
      const [task, encoder] = await Promise.all([this.#agreedTask(taskHash), loadEncoder()]);
      return updatePreview({ database, crew, encoder }, task, await participantOf(await this.#fitParts(), projectId, task), signal);
    });
  }

  /** Resolves once the seat is taken, or waits for nothing but the network. The membership goes on by itself. */
  async join(projectId: string, taskHash: string, link: FederationLink, epsilonLimit: number): Promise<void> {
    const task = await this.#agreedTask(taskHash);
    if (link.kind === 'projector') throw noSeatLink();
    if (await this.#liveMembership()) throw alreadyMember();
    const limit = Math.min(epsilonLimit, agreementFigures(task).epsilonTotal);
    agreeTo(task, taskHash, limit);
    const parts = await this.#fitParts();
    await checkMayTakePart(parts, { task, taskHash }, await participantOf(parts, projectId, task));
    const record: MembershipRecord = {
      version: 1, task, taskHash, projectId, epsilonLimit: limit, link, seat: null, seats: null, ended: null, models: [], first: null,
    };
    const store = await this.#opened();
    const before = await store.membership();
    await this.#act(record, async (member) => {
      await member.change((same) => same);
      try {
        await member.takeSeat();
      } catch (error) {
        // The network's fault: the seat is taken when it is back.
        if (isPassing(error)) return;
        // A key that was not refused may hold the seat: it is kept, and the same invitation lets it in again.
        await Promise.all([store.saveMembership(before), ...(isInvitationRefused(error) ? [store.destroyKey()] : [])]);
        throw error;
      }
    });
  }

  /** Goes on with a membership that the last page was closed over, whichever page is looked at; makes no database where there is none. */
  async begin(): Promise<void> {
    const known = (await indexedDB.databases?.()) ?? [];
    if (!known.some(({ name }) => name === (this.#parts.storeName ?? federationDatabaseName))) return;
    await this.#resume();
    this.#keepPolling();
  }

  /** Nothing is sent for this device from here on but that it leaves. Resolves to whether the server knows; until it does, it is told again, also after a reload. */
  leave(): Promise<boolean> {
    return this.#leaving((member) => member.leave());
  }

  /** Leaves without telling the server, or without telling it again: the key is destroyed now. */
  async destroyKey(): Promise<void> {
    await this.#leaving((member) => member.destroyKey());
  }

  async #leaving<Result>(leave: (member: FederationMember) => Promise<Result>): Promise<Result> {
    if (this.#member?.isWorking) return leave(this.#member);
    const record = await this.#liveMembership();
    if (!record) throw noMember();
    this.#member = null;
    let result: Result;
    await this.#act(record, async (member) => {
      result = await leave(member);
    });
    await this.#watchers.tell();
    return result!;
  }

  async watch(watchId: string, onChange: (membership: FederationMembership | null) => void): Promise<void> {
    await this.#resume();
    await this.#watchers.add(watchId, onChange);
    this.#keepPolling();
  }

  unwatch(watchId: string): void {
    this.#watchers.remove(watchId);
  }

  /** Stops acting: what was saved goes on in the next guard. For tests, which end no worker. */
  close(): void {
    this.#isClosed = true;
    removeEventListener('online', this.#wake);
    this.#watchers.clear();
    this.#member?.stop();
  }

  /** @throws where the project's notes take part: without them the member could train nothing, and nobody could leave. */
  async checkMayDelete(projectId: string): Promise<void> {
    if ((await this.#liveMembership())?.projectId === projectId && (await (await this.#opened()).load())?.membership.state !== 'leaving') throw projectIsMember();
  }

  receive(): Promise<ReceivedModel> {
    const receive = async (): Promise<ReceivedModel> => {
      const store = await this.#opened();
      const [record, node] = [this.#member?.record ?? (await store.membership()), await store.load()];
      if (!record) throw noMember();
      if (node?.taskHash === record.taskHash && (node.membership.state === 'left' || node.membership.state === 'leaving')) throw hasLeft();
      const last = record.models.at(-1);
      const fetched = await fetchRelease(this.#coordinator, await store.signingKey(), record, leastVersionOf(record), sha256);
      if (last && isSameRelease(last, fetched.release)) return last;
      const { database, ledger, crew, loadEncoder } = this.#parts;
      const encoder = await loadEncoder();
      await crew.ready();
      const participant = await participantOf(await this.#fitParts(), record.projectId, record.task);
      const received = await keepRelease({ database, ledger, crew, encoder, participant, answered: answeredNoiseMultipliers(node?.rounds ?? [], record.taskHash) }, record, fetched);
      await this.#change((kept) => ({ ...kept, models: [...kept.models, received] }));
      return received;
    };
    // The tab that acts writes over what any other has saved.
    return this.#inTurn(() => (this.#member ? receive() : asTheOnlyTab(receive)));
  }

  /** Every body that left this device for this address, oldest first; empty where none has. */
  async sent(): Promise<readonly SentLine[]> {
    return (await this.#opened()).sentLines();
  }

  async projector(token: string): Promise<ProjectorView> {
    const [{ task, taskHash }, status, facts] = await Promise.all([this.#coordinator.task(), this.#coordinator.status(), this.#coordinator.projector(token)]);
    return { task, taskHash, status, ...facts };
  }

  #opened(): Promise<FederationStore> {
    this.#store ??= openFederationStore(this.#parts.storeName).catch((error: unknown) => {
      this.#store = null;
      throw error;
    });
    return this.#store;
  }

  /** Of a device that has not left. */
  async #liveMembership(): Promise<MembershipRecord | null> {
    const store = await this.#opened();
    const [record, node] = await Promise.all([store.membership(), store.load()]);
    return record && !(node?.taskHash === record.taskHash && node.membership.state === 'left') ? record : null;
  }

  async #agreedTask(taskHash: string): Promise<Task> {
    const served = await this.#coordinator.task();
    if (served.taskHash !== taskHash) throw taskChanged();
    return served.task;
  }

  async #fitParts(): Promise<FitParts> {
    const { database, ledger, encoder } = this.#parts;
    return { database, ledger, baseModel: (await encoder()).sha256 };
  }

  /** By the ledger: what was charged for each round of a federation. */
  async #charged(taskHash: string): Promise<ChargedRounds> {
    return chargedMultipliers(await this.#parts.ledger.ledger(), taskHash);
  }

  /** Makes no database for somebody who looks at the wall alone. */
  #count({ sentBytes, receivedBytes }: Exchange): void {
    this.#sentBytes += sentBytes;
    if (this.#store && receivedBytes > 0) void this.#store.then((store) => store.countReceived(receivedBytes)).catch(() => undefined);
  }

  /** Goes on with a membership that a reload, or another tab's end, cut off. */
  async #resume(): Promise<void> {
    if (this.#member || this.#isClosed) return;
    const record = await this.#liveMembership();
    if (!record || (record.ended && (await (await this.#opened()).load())?.membership.state !== 'leaving')) return;
    await this.#act(record, async () => void this.#refreshStatus()).then(() => (this.#isElsewhere = false), () => (this.#isElsewhere = true));
  }

  /** Becomes the device's node: resolves once `begin` has, and holds the lock until there is nothing more to do. */
  #act(record: MembershipRecord, begin: (member: FederationMember) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      asTheOnlyTab(async () => {
        const member = this.#memberOf(record, await this.#opened());
        this.#member = member;
        try {
          await member.recall();
          await begin(member);
          resolve();
          const working = member.work();
          this.#keepPolling();
          if (!member.isLeaving) void this.#takeFirst(member);
          await working;
        } finally {
          // One that has ended is shown as it ended until the page is loaded again.
          if (member.record.ended === null || member.nodeRecord?.membership.state === 'left') this.#member = null;
          void this.#watchers.tell();
        }
      }).catch(reject);
    });
  }

  #memberOf(record: MembershipRecord, store: FederationStore): FederationMember {
    const { settings = defaultSettings, database, ledger, crew, loadEncoder } = this.#parts;
    return new FederationMember({
      store, coordinator: this.#coordinator, transport: this.#transport, clock: this.#clock, sha256, settings,
      createSource: (agreement, projectId, onState) => new RoundSource({ database, ledger, crew, loadEncoder, agreement, projectId, onState, onWork: (round, seconds) => void this.#noteWork(round, seconds).catch(() => undefined) }),
      charged: () => this.#charged(record.taskHash),
      onExchange: (exchange) => this.#count(exchange),
      onLeaving: this.#list,
      onChange: () => void this.#watchers.tell(),
    }, record);
  }

  /** What a round drew here, by the device's own settings; kept beside the membership, and told to nobody. */
  async #noteWork(round: number, seconds: number): Promise<void> {
    const reading = await readingOf(this.#parts.database, { seconds, busyFraction: this.#parts.crew.busyFraction });
    await this.#change((record) => ({ ...record, work: [...(record.work ?? []), { round, seconds, ...reading }] }));
  }

  /** What there is before this device's first round: later models are held beside it. Worth no error. */
  async #takeFirst(member: FederationMember): Promise<void> {
    if (member.record.first !== null || member.record.link !== null || member.record.models.length > 0) return;
    try {
      const { release, weights } = await fetchRelease(this.#coordinator, await (await this.#opened()).signingKey(), member.record, 0, sha256);
      await member.change((record) => ({ ...record, first: { version: release.version, round: release.round, weights } }));
    } catch {
      // Without it the first model that comes back is kept as it is.
    }
  }

  async #change(change: (record: MembershipRecord) => MembershipRecord): Promise<void> {
    if (this.#member) return this.#member.change(change);
    const store = await this.#opened();
    const record = await store.membership();
    if (record) await store.saveMembership(change(record));
    await this.#watchers.tell();
  }

  async #view(): Promise<FederationMembership | null> {
    const store = await this.#opened();
    const member = this.#member;
    const record = member?.record ?? (await store.membership());
    if (!record) return null;
    const kept = member?.nodeRecord ?? (await store.load());
    // What is kept of another federation says nothing of this one.
    const node = kept?.taskHash === record.taskHash ? kept : null;
    const failure = member ? member.failure : this.#isElsewhere ? failureOf(anotherTab()) : null;
    return viewOf({ record, isHalted: member?.isHalted ?? false, node, charged: await this.#charged(record.taskHash), sentBytes: bytesOfLines(await store.sentLines()), receivedBytes: await store.receivedBytes(), source: member?.source ?? { kind: 'idle' }, failure, waiting: failureOf(roundWaits()), status: this.#status });
  }

  /** For somebody who leaves nothing is asked any more. */
  async #refreshStatus(): Promise<void> {
    if (this.#member?.isLeaving) return;
    // The node says why the network fails, and what is asked for another task; a status that is missing, or of another task, is no news beside it.
    const status = await this.#coordinator.status().catch(() => null);
    const record = this.#member?.record ?? (await this.#liveMembership());
    if (status?.taskHash !== record?.taskHash || !status) return;
    this.#status = status;
    await this.#member?.noteStatus(status);
  }

  /** Asks for the status while somebody watches or takes part, one question after the other. */
  #keepPolling(): void {
    if (this.#poll !== null || this.#isClosed || (!this.#watchers.isAnybodyThere && !this.#member)) return;
    this.#poll = setTimeout(() => {
      void (async () => {
        await this.#resume();
        if ((await this.#liveMembership()) !== null) await this.#refreshStatus();
        await this.#watchers.tell();
      })()
        .catch(() => undefined)
        .finally(() => {
          this.#poll = null;
          this.#keepPolling();
        });
    }, this.#parts.statusMs ?? defaultStatusMs);
  }
}
