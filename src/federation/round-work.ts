import { BedsideError } from '../ground/errors.ts';
import type { Releasable } from '../privacy/doors.ts';
import { checkBudget, fitUpdate, roundTerms, type Agreement, type RoundTerms } from './agreement.ts';
import { npySize } from './arrays.ts';
import { endpoints } from './endpoints.ts';
import { beyondAgreement, expired, hasLeft, interruptedRound, malformed, repeatedRound, tooLarge, trainingFailed } from './errors.ts';
import { refusalCode, type FleetClient } from './fleet-client.ts';
import { spentNoiseMultipliers, type Instruction, type RoundEntry, type RoundOutcome, type Work } from './node-record.ts';
import { idsOfTree, ObjectStore, typeOf } from './object-store.ts';
import { buildUpdateRecords, readInstruction, type InstructionRecords } from './records.ts';
import { buildReply, deadlineSeconds, SUPERLINK, type Reply } from './reply.ts';
import type { Sha256 } from './signing.ts';
import type { NoisedUpdate, UpdateSource } from './update-source.ts';

/** Names of the arrays on the wire. */
export const MODEL_NAME = 'model';
export const UPDATE_NAME = 'delta';
/** Message, RecordDict, ArrayRecord, ConfigRecord, Array; and the chunks. */
const FEWEST_OBJECTS = 5;
/** Heads, settings and names beside the numbers. */
const ENVELOPE_BYTES = 65_536;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 10_000;
/** Times that the server may turn objects of one reply away before the node gives up. It does so, too, while its database is busy. */
const MOST_REJECTIONS = 5;
/** Objects turned away one after the other after which the others wait: one alone says nothing of the session, since another node may have stored it there. */
const MOST_IN_A_ROW = 2;

export interface WorkParts {
  readonly fleet: FleetClient;
  readonly agreement: Agreement;
  readonly source: UpdateSource;
  readonly sha256: Sha256;
  /** Whether the coordinator says that a round is over, by its number. */
  readonly isRoundOver: (round: number) => Promise<boolean>;
  /** Set while the person leaves: every loop ends at its next call. */
  isLeaving(): boolean;
  /** A heartbeat where one is due: loops over many objects ask between them. */
  keepAlive(): Promise<void>;
}

/** What a step comes to: the work goes on (with what is to be saved), it has ended, or it waits. */
export type StepResult =
  | { readonly kind: 'next'; readonly work: Work; readonly entry: RoundEntry }
  | { readonly kind: 'done'; readonly entry: RoundEntry }
  | { readonly kind: 'wait'; readonly waitMs: number; readonly until?: Promise<unknown> };

interface Job {
  readonly messageId: string;
  /** Ends with the training, well or badly. */
  running: Promise<void>;
  outcome: { readonly update: Releasable<NoisedUpdate> } | { readonly error: unknown } | null;
}

/** Objects of a reply on their way. */
interface Upload {
  readonly replyId: string;
  /** Empty where the answer that named it was lost: then the server looks for the object in whatever session waits for it. */
  readonly sessionId: string;
  /** Ids of those that the server has not said to have. */
  readonly left: Set<string>;
  /** Those of a call whose answer was lost: turned away later, they have arrived. */
  readonly inDoubt: Set<string>;
  /** Whether the server took another after the first doubt or the first that it turned away, so that the session was alive. */
  isAlive: boolean;
  isAnyTurnedAway: boolean;
  /** Of a call that goes on. */
  open: string | null;
  rejections: number;
}

/** Takes one instruction from pulled to answered, a step at a time. Holds in memory only what a reload may lose. */
export class RoundWork {
  readonly #parts: WorkParts;
  #store: { readonly messageId: string; readonly objects: ObjectStore; waitMs: number } | null = null;
  #job: Job | null = null;
  /** Message that was paid for since the page was loaded, so that its training may begin. */
  #paidFor: string | null = null;
  /** The push that has been counted and not yet made. */
  #counted: string | null = null;
  #upload: Upload | null = null;

  constructor(parts: WorkParts) {
    this.#parts = parts;
  }

  /** One step of `work` for node `nodeId`. Errors worth another try are thrown; all others end in an outcome. */
  async step(work: Work, nodeId: bigint, rounds: readonly RoundEntry[]): Promise<StepResult> {
    const { metadata } = work.instruction;
    const entry = rounds.find(({ messageId }) => messageId === metadata.messageId) ?? newEntry(this.#parts.agreement.taskHash, metadata.messageId, this.#parts.fleet.nowMs());
    if (this.#parts.fleet.nowMs() / 1000 >= deadlineSeconds(metadata) && !(work.step === 'training' && this.#job?.outcome === null)) {
      const outcome = work.step === 'training' ? this.#job?.outcome : null;
      return missed(outcome && 'error' in outcome && wasTooLate(outcome.error) ? unspent(entry) : entry);
    }
    try {
      return await this.#stepOf(work, nodeId, entry, rounds);
    } catch (error) {
      // The run has ended, or this work is none any more; another try would not help.
      if (refusalCode(error) === null) throw error;
      return done(entry, 'dropped', 'federation/refused');
    }
  }

  async #stepOf(work: Work, nodeId: bigint, entry: RoundEntry, rounds: readonly RoundEntry[]): Promise<StepResult> {
    switch (work.step) {
      case 'fetching':
        return this.#declinable(work, entry, () => this.#fetch(work, nodeId, entry));
      case 'confirming':
        await this.#confirm(work.instruction, nodeId);
        return { kind: 'next', work: { ...work, step: 'training', isPaid: false }, entry };
      case 'training':
        return this.#declinable(work, entry, () => this.#train(work, nodeId, entry, rounds));
      case 'declining':
        return this.#decline(work, nodeId, entry);
      case 'replying':
        return this.#reply(work, nodeId, entry);
    }
  }

  /** Refusals of ours become an error reply; what the network did is thrown. */
  async #declinable(work: Work, entry: RoundEntry, step: () => Promise<StepResult>): Promise<StepResult> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      return { kind: 'next', work: { step: 'declining', instruction: work.instruction, reason: error.cause.code }, entry: { ...entry, reason: error.cause.code } };
    }
  }

  async #fetch(work: Work & { step: 'fetching' }, nodeId: bigint, entry: RoundEntry): Promise<StepResult> {
    const { fleet, sha256, agreement } = this.#parts;
    const { metadata, tree } = work.instruction;
    const shapeBytes = npySize([agreement.task.coordinates]);
    checkAddress(work.instruction, nodeId);
    const most = FEWEST_OBJECTS + Math.ceil(shapeBytes / 5_000_000);
    const ids = idsOfTree(tree, most);
    if (ids === null) throw new Declined(tooLarge('objects of a message', most, most + 1));
    if (this.#store?.messageId !== metadata.messageId) this.#store = { messageId: metadata.messageId, objects: new ObjectStore(sha256, shapeBytes + ENVELOPE_BYTES), waitMs: FIRST_WAIT_MS };
    const { objects } = this.#store;
    for (const objectId of ids) {
      if (objects.has(objectId)) continue;
      await this.#betweenCalls();
      const answer = await fleet.call(endpoints.pullObject, { node: { nodeId }, runId: metadata.runId, objectId });
      if (!answer.isFound) throw new Declined(malformed('an object of the message', 'none of that id'));
      if (!answer.isAvailable) {
        const { waitMs } = this.#store;
        this.#store.waitMs = Math.min(LONGEST_WAIT_MS, 1.5 * waitMs);
        return { kind: 'wait', waitMs };
      }
      await orDecline(() => objects.add(objectId, answer.content.slice()));
    }
    this.#store = null;
    return { kind: 'next', work: { step: 'confirming', instruction: work.instruction, contents: objects.contents }, entry };
  }

  /** Tells the server that it may forget the objects. One that has forgotten them already refuses; that is as good. */
  async #confirm({ metadata }: Instruction, nodeId: bigint): Promise<void> {
    try {
      await this.#parts.fleet.call(endpoints.confirm, { node: { nodeId }, runId: metadata.runId, messageObjectId: metadata.messageId });
    } catch (error) {
      if (refusalCode(error) === null) throw error;
    }
  }

  async #train(work: Work & { step: 'training' }, nodeId: bigint, entry: RoundEntry, rounds: readonly RoundEntry[]): Promise<StepResult> {
    const { agreement, fleet, source, sha256 } = this.#parts;
    const { metadata } = work.instruction;
    if (!work.isPaid) return this.#pay(work, entry, rounds);
    const round = entry.round ?? 0;
    const { terms, model } = await this.#readTerms(work);
    if (this.#job?.messageId !== metadata.messageId) {
      // Nobody knows any more what the guard released before the reload; a second training would pay twice.
      if (this.#paidFor !== metadata.messageId) throw new Declined(interruptedRound(round));
      const canBeSent = () => !this.#parts.isLeaving() && fleet.nowMs() / 1000 < deadlineSeconds(metadata);
      const isWanted = async () => canBeSent() && !(await this.#parts.isRoundOver(round)) && canBeSent();
      this.#job = startJob(metadata.messageId, source, { terms, model, isWanted });
    }
    const { outcome, running } = this.#job;
    if (outcome === null) return { kind: 'wait', waitMs: LONGEST_WAIT_MS, until: running };
    this.#job = null;
    if ('error' in outcome && wasTooLate(outcome.error)) return missed(unspent(entry));
    if ('error' in outcome) throw new Declined(saysNothingOfData(outcome.error) ? outcome.error : trainingFailed(round, outcome.error instanceof BedsideError ? outcome.error.code : 'unexpected'));
    const { delta, metrics } = outcome.update.value;
    const values = await orDecline(async () => fitUpdate(delta, agreement.task.coordinates, terms.updateNormBound));
    const records = await buildUpdateRecords(sha256, UPDATE_NAME, values, metrics);
    const reply = await buildReply(sha256, metadata, nodeId, fleet.nowMs() / 1000, { kind: 'records', records });
    return { kind: 'next', work: { step: 'replying', instruction: work.instruction, reply, isUpdate: true, pushes: 0 }, entry: { ...entry, outcome: 'replying', replyId: reply.metadata.messageId } };
  }

  /** Checks the instruction against agreement, history and budget, and counts the round as spent before any of it is trained. */
  async #pay(work: Work & { step: 'training' }, entry: RoundEntry, rounds: readonly RoundEntry[]): Promise<StepResult> {
    const { agreement } = this.#parts;
    const { terms, modelId } = await this.#readTerms(work);
    const paid = rounds.filter(({ spentNoiseMultiplier }) => spentNoiseMultiplier !== null);
    if (paid.some((other) => other.modelId === modelId)) throw new Declined(repeatedRound(terms.round));
    await orDecline(async () => checkBudget(agreement, spentNoiseMultipliers(rounds, agreement.taskHash), terms.noiseMultiplier));
    // A round may end long before its time is up, once enough have answered.
    if (await this.#parts.isRoundOver(terms.round)) return missed({ ...entry, round: terms.round });
    this.#paidFor = entry.messageId;
    return { kind: 'next', work: { ...work, isPaid: true }, entry: { ...entry, round: terms.round, modelId, clamps: terms.clamps, outcome: 'training', spentNoiseMultiplier: terms.noiseMultiplier } };
  }

  async #readTerms(work: Work & { step: 'training' }): Promise<InstructionRecords & { readonly terms: RoundTerms }> {
    const { agreement } = this.#parts;
    return orDecline(async () => {
      const records = readInstruction(work.contents, work.instruction.metadata.messageId, MODEL_NAME, [agreement.task.coordinates]);
      return { ...records, terms: roundTerms(agreement, records.config) };
    });
  }

  async #decline(work: Work & { step: 'declining' }, nodeId: bigint, entry: RoundEntry): Promise<StepResult> {
    const { fleet, sha256 } = this.#parts;
    await this.#confirm(work.instruction, nodeId);
    const reply = await buildReply(sha256, work.instruction.metadata, nodeId, fleet.nowMs() / 1000, { kind: 'error', code: 0n, reason: work.reason });
    return { kind: 'next', work: { step: 'replying', instruction: work.instruction, reply, isUpdate: false, pushes: 0 }, entry: { ...entry, replyId: reply.metadata.messageId } };
  }

  async #reply(work: Work & { step: 'replying' }, nodeId: bigint, entry: RoundEntry): Promise<StepResult> {
    const { fleet } = this.#parts;
    const { reply, pushes, isUpdate } = work;
    const sent = [...reply.contents].map(([id, content]) => ({ what: typeOf(content), bytes: content.length, sha256: id }));
    const outcome = (good: RoundOutcome, uploaded = sent) => done({ ...entry, sent: uploaded }, isUpdate ? good : 'declined', entry.reason);
    if (this.#upload?.replyId !== reply.metadata.messageId) {
      // Counted and saved before it is made, so that a push whose answer was lost is known to be one.
      if (this.#counted !== `${reply.metadata.messageId}/${pushes}`) {
        this.#counted = `${reply.metadata.messageId}/${pushes + 1}`;
        return { kind: 'next', work: { ...work, pushes: pushes + 1 }, entry: { ...entry, sent } };
      }
      this.#counted = null;
      const answer = await fleet.call(endpoints.pushMessages, { node: { nodeId }, messages: [reply.message], trees: [reply.tree], runtimesSeconds: [0] });
      const wanted = answer.objectsToPush;
      // A first push of which nothing is wanted: no object has left.
      if (wanted.length === 0 && pushes === 1) return outcome('refused', []);
      if (!wanted.every((id) => reply.contents.has(id))) throw malformed('ids of objects of the reply', 'another id');
      // A later push of which nothing is wanted: all has arrived, or the ServerApp has asked for the reply since the first, and waits for its objects.
      const isKnown = wanted.length === 0;
      const left = isKnown ? [...reply.contents.keys()] : wanted;
      this.#upload = { replyId: reply.metadata.messageId, sessionId: isKnown ? '' : answer.sessionId, left: new Set(left), inDoubt: new Set(isKnown ? left : []), isAlive: false, isAnyTurnedAway: false, open: null, rejections: 0 };
    }
    const upload = this.#upload;
    const isTaken = await this.#push(upload, reply, nodeId);
    if (upload.left.size === 0) return this.#uploaded(outcome('delivered'));
    const turnedAway = [...upload.left].filter((id) => !upload.inDoubt.has(id));
    // Of several: the list of numbers that all updates share is the same object, which the server may have from another node, in this very session.
    const isThere = upload.left.size < reply.contents.size ? turnedAway.every((id) => typeOf(reply.contents.get(id)!) === 'MetricRecord') : turnedAway.length === 0;
    const isOver = ++upload.rejections >= MOST_REJECTIONS || (upload.sessionId === '' && !isTaken);
    if (isOver) return this.#uploaded(outcome(!isThere ? 'refused' : upload.isAlive ? 'delivered' : 'unclear'));
    return { kind: 'wait', waitMs: FIRST_WAIT_MS };
  }

  /**
   * Sends what is left, always in the session that the server opened: once the ServerApp has asked for a reply, the server opens no other for it, and the reply
   * would be lost. Whether any object was taken.
   */
  async #push(upload: Upload, reply: Reply, nodeId: bigint): Promise<boolean> {
    const { left, inDoubt, sessionId } = upload;
    if (upload.open !== null) inDoubt.add(upload.open);
    upload.open = null;
    let isTaken = false;
    let inARow = 0;
    for (const objectId of [...left]) {
      await this.#betweenCalls();
      upload.open = objectId;
      const { isStored } = await this.#parts.fleet.call(endpoints.pushObject, { node: { nodeId }, runId: reply.metadata.runId, objectId, content: reply.contents.get(objectId)!, sessionId });
      upload.open = null;
      if (isStored) {
        left.delete(objectId);
        upload.isAlive ||= inDoubt.size > 0 || upload.isAnyTurnedAway;
        isTaken = true;
        inARow = 0;
      } else if (!inDoubt.has(objectId)) {
        upload.isAnyTurnedAway = true;
        // To the end of the row, so that the same few do not keep the others from being tried.
        left.delete(objectId);
        left.add(objectId);
        if (++inARow === MOST_IN_A_ROW) break;
      }
    }
    return isTaken;
  }

  #uploaded(result: StepResult): StepResult {
    this.#upload = null;
    return result;
  }

  async #betweenCalls(): Promise<void> {
    if (this.#parts.isLeaving()) throw hasLeft();
    await this.#parts.keepAlive();
  }
}

/** Carries a refusal of ours out of a step; ends in an error reply. */
class Declined extends Error {
  constructor(override readonly cause: BedsideError) {
    super(cause.message);
  }
}

/** Turns an error about what the server sent into a refusal. */
async function orDecline<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof BedsideError ? new Declined(error) : error;
  }
}

/** Refusals of the guard whose code may be told to the server: about terms, time and budget. Any other might tell of the notes. */
function saysNothingOfData(error: unknown): error is BedsideError {
  return error instanceof BedsideError && (error.family === 'budget' || error.code.startsWith('training/federated-'));
}

/** The source found before it charged anything that the round was over. */
function wasTooLate(error: unknown): boolean {
  return error instanceof BedsideError && error.code === 'training/federated-late';
}

function unspent(entry: RoundEntry): RoundEntry {
  return { ...entry, spentNoiseMultiplier: null };
}

function missed(entry: RoundEntry): StepResult {
  return done(entry, 'expired', expired(entry.round ?? 0).code);
}

function newEntry(taskHash: string, messageId: string, atMs: number): RoundEntry {
  return { taskHash, messageId, round: null, modelId: null, atMs, outcome: 'declined', spentNoiseMultiplier: null, reason: null, replyId: null, clamps: [] };
}

function done(entry: RoundEntry, outcome: RoundOutcome, reason: string | null): StepResult {
  return { kind: 'done', entry: { ...entry, outcome, reason } };
}

/** A message for training, from the server, to this node, whose tree is its own. */
function checkAddress({ metadata, tree }: Instruction, nodeId: bigint): void {
  if (metadata.messageType !== 'train') throw new Declined(beyondAgreement('message type', 'train', 'another'));
  if (metadata.sourceNodeId !== SUPERLINK || metadata.destinationNodeId !== nodeId) throw new Declined(malformed('a message from the server to this node', 'other addresses'));
  if (tree.objectId !== metadata.messageId) throw new Declined(malformed('the tree of the message', 'another tree'));
}

function startJob(messageId: string, source: UpdateSource, request: Parameters<UpdateSource['train']>[0]): Job {
  const job: Job = { messageId, outcome: null, running: Promise.resolve() };
  const train = async () => source.train(request);
  job.running = train().then(
    (update) => void (job.outcome = { update }),
    (error: unknown) => void (job.outcome = { error }),
  );
  return job;
}
