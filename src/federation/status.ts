import type { SharedUnit } from '../privacy/shared-unit.ts';
import { malformed } from './errors.ts';
import { isJsonObject } from './json-body.ts';

export type FederationState = 'starting' | 'waiting' | 'training' | 'finished' | 'failed';

/** Score on the coordinator's public notes: nobody's privacy, and no participant's score. */
export interface PublicScore {
  readonly correct: number;
  readonly total: number;
}

/** One round as the server tells it; counts, no names. */
export interface FederationRound {
  readonly round: number;
  /** Enough updates were accepted. */
  readonly isCounted: boolean;
  /** Counted, and the evaluation gate let the new model stand; true where there is no gate. */
  readonly isKept: boolean;
  readonly accepted: number;
  readonly dropped: number;
  /** From the first instruction to the last reply that was taken. */
  readonly seconds: number;
  /** Sum over the accepted replies of the time that each took: at most so long did devices compute. */
  readonly deviceSeconds: number;
  /** Of the model after this round; null where the coordinator has no public notes. */
  readonly accuracy: PublicScore | null;
}

/** A signed release; its bytes are fetched apart. */
export interface Release {
  /** 0: the first model. */
  readonly version: number;
  readonly round: number;
  /** Of the .npy file, hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** ECDSA over P-384 with SHA-384, r||s in base64, of `releaseMessage`. */
  readonly signature: string;
}

/** Epsilon of one who answered every round. */
export interface SpentEpsilon {
  readonly spent: number;
  readonly perRound: number;
  readonly total: number;
  readonly delta: number;
}

/** `GET /federation/status`, checked field by field. */
export interface FederationStatus {
  /** SHA-256 of the task file that the coordinator serves now: of another task, a status says nothing of this one. */
  readonly taskHash: string;
  readonly state: FederationState;
  /** The round that is going on. */
  readonly round: number | null;
  readonly roundsPlanned: number;
  readonly rounds: readonly FederationRound[];
  readonly participants: { readonly seats: number; readonly enrolled: number; readonly left: number; readonly present: number; readonly asked: number; readonly needed: number };
  readonly epsilon: SpentEpsilon & { readonly unit: SharedUnit };
  /** Where the server adds noise too, of which the unit is a participant. Null or absent where it does not. */
  readonly central?: (SpentEpsilon & { readonly noiseMultiplier: number; readonly cohort: number }) | null;
  /** Of the first model, before any round. */
  readonly initialAccuracy: PublicScore | null;
  /** The newest signed release. */
  readonly model: Release | null;
  readonly refused: Readonly<Record<string, number>>;
}

/** What the room's link deals out. */
export interface DealtSeat {
  readonly seat: number;
  readonly invitation: string;
}

export interface ProjectorFacts {
  readonly address: string;
  readonly roomLink: string | null;
  /** An SVG document. */
  readonly roomQr: string | null;
  readonly fingerprint: string | null;
}

type Json = Readonly<Record<string, unknown>>;

const MOST_ROUNDS = 1000;
const MOST_REASONS = 100;
const LONGEST_TOKEN = 200;
const LONGEST_SVG = 200_000;
const states: ReadonlySet<string> = new Set(['starting', 'waiting', 'training', 'finished', 'failed'] satisfies FederationState[]);

/** Whether a status says that a round takes no more updates: it is told as done, or a later one goes on. Of another task, or silent on the round, it says nothing. */
export function saysRoundIsOver(status: Pick<FederationStatus, 'taskHash' | 'round' | 'rounds'>, taskHash: string, round: number): boolean {
  if (status.taskHash !== taskHash) return false;
  return status.rounds.some((done) => done.round === round) || (status.round !== null && status.round > round);
}

/** @throws `federation/malformed` with the field. */
export function readStatus(json: Json): FederationStatus {
  const { state, unit } = { state: json['state'], unit: object(json['epsilon'], 'epsilon')['unit'] };
  if (!isState(state)) throw malformed('a state', 'something else');
  if (unit !== 'row' && unit !== 'person' && unit !== 'participant') throw malformed('row, person or participant', 'something else');
  const participants = object(json['participants'], 'participants');
  const of = (name: string) => count(participants[name], `participants.${name}`);
  const central = json['central'] === undefined || json['central'] === null ? null : object(json['central'], 'central');
  return {
    taskHash: readSha256(json['taskHash'], 'taskHash'),
    state,
    round: json['round'] === null ? null : count(json['round'], 'round'),
    roundsPlanned: count(json['roundsPlanned'], 'roundsPlanned'),
    rounds: list(json['rounds'], 'rounds', MOST_ROUNDS).map(readRound),
    participants: { seats: of('seats'), enrolled: of('enrolled'), left: of('left'), present: of('present'), asked: of('asked'), needed: of('needed') },
    epsilon: { ...readEpsilon(object(json['epsilon'], 'epsilon')), unit },
    central: central && { ...readEpsilon(central), noiseMultiplier: amount(central['noiseMultiplier'], 'central.noiseMultiplier'), cohort: count(central['cohort'], 'central.cohort') },
    initialAccuracy: readScore(json['initialAccuracy'], 'initialAccuracy'),
    model: json['model'] === null || json['model'] === undefined ? null : readRelease(json['model']),
    refused: readRefused(json['refused']),
  };
}

export function readRelease(value: unknown): Release {
  const json = object(value, 'a release');
  const sha256 = readSha256(json['sha256'], 'sha256');
  const signature = text(json['signature'], 'signature', 128);
  if (!/^[A-Za-z0-9+/]{128}$/.test(signature)) throw malformed('a signature of 128 letters', 'something else');
  return { version: count(json['version'], 'version'), round: count(json['round'], 'round'), sha256, sizeBytes: count(json['sizeBytes'], 'sizeBytes'), signature };
}

export function readReleases(json: Json): readonly Release[] {
  return list(json['releases'], 'releases', MOST_ROUNDS + 1).map(readRelease);
}

export function readDealtSeat(json: Json): DealtSeat {
  return { seat: count(json['seat'], 'seat'), invitation: token(json['invitation']) };
}

export function readSeat(json: Json): { readonly seat: number; readonly seats: number } {
  return { seat: count(json['seat'], 'seat'), seats: count(json['seats'], 'seats') };
}

export function readProjector(json: Json): ProjectorFacts {
  const optional = (name: string, longest: number) => (json[name] === null ? null : text(json[name], name, longest));
  return { address: text(json['address'], 'address', 2000), roomLink: optional('roomLink', 2000), roomQr: optional('roomQr', LONGEST_SVG), fingerprint: optional('fingerprint', 200) };
}

function readSha256(value: unknown, field: string): string {
  const sha256 = text(value, field, 64);
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw malformed('64 hexadecimal digits', 'something else');
  return sha256;
}

function readRound(value: unknown): FederationRound {
  const json = object(value, 'a round');
  return {
    round: count(json['round'], 'round'),
    isCounted: truth(json['isCounted'], 'isCounted'),
    isKept: truth(json['isKept'], 'isKept'),
    accepted: count(json['accepted'], 'accepted'),
    dropped: count(json['dropped'], 'dropped'),
    seconds: amount(json['seconds'], 'seconds'),
    deviceSeconds: amount(json['deviceSeconds'], 'deviceSeconds'),
    accuracy: readScore(json['accuracy'], 'accuracy'),
  };
}

function readEpsilon(json: Json): SpentEpsilon {
  const of = (name: string) => amount(json[name], `epsilon.${name}`);
  return { spent: of('spent'), perRound: of('perRound'), total: of('total'), delta: of('delta') };
}

function readScore(value: unknown, what: string): PublicScore | null {
  if (value === null || value === undefined) return null;
  const json = object(value, what);
  const score = { correct: count(json['correct'], what), total: count(json['total'], what) };
  if (score.total === 0 || score.correct > score.total) throw malformed(`${what} of a number of notes`, 'more than all');
  return score;
}

function readRefused(value: unknown): Readonly<Record<string, number>> {
  const entries = Object.entries(object(value ?? {}, 'refused'));
  if (entries.length > MOST_REASONS) throw malformed(`at most ${MOST_REASONS} reasons`, `${entries.length}`);
  // A reason is a word of the server's; anything else is left out rather than shown.
  return Object.fromEntries(entries.filter(([reason]) => /^[a-z-]{1,40}$/.test(reason)).map(([reason, found]) => [reason, count(found, 'refused')]));
}

function isState(value: unknown): value is FederationState {
  return typeof value === 'string' && states.has(value);
}

function object(value: unknown, what: string): Json {
  if (!isJsonObject(value)) throw malformed(`${what} as an object`, 'something else');
  return value;
}

function list(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw malformed(`${what}, a list of at most ${most}`, 'something else');
  return value;
}

function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(`${what}, a whole number`, 'something else');
  return value;
}

function amount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !(value >= 0 && Number.isFinite(value))) throw malformed(`${what}, a number of 0 or more`, 'something else');
  return value;
}

function truth(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw malformed(`${what}, true or false`, 'something else');
  return value;
}

function text(value: unknown, what: string, longest: number): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > longest) throw malformed(`${what}, a text of at most ${longest} letters`, 'something else');
  return value;
}

function token(value: unknown): string {
  const found = text(value, 'invitation', LONGEST_TOKEN);
  if (!/^[A-Za-z0-9_-]+$/.test(found)) throw malformed('an invitation', 'other letters');
  return found;
}
