import { bytesToHex } from '../ground/bytes.ts';
import { orthonormalMap, type MapSettings } from '../ground/orthonormal-map.ts';
import type { SharedUnit } from '../privacy/shared-unit.ts';
import { npySize } from './arrays.ts';
import { badTask } from './errors.ts';
import { isJsonObject, readJsonObject } from './json-body.ts';
import { base64ToBytes, type Sha256 } from './signing.ts';

/** What a federation trains and under which terms: the coordinator's task file, the same for all. */
export interface Task {
  readonly name: string;
  /** Who runs it, in their words. */
  readonly coordinator: string;
  readonly labels: readonly string[];
  readonly labelSentences: readonly string[];
  /** SHA-256 of the base model's weights, hexadecimal. */
  readonly baseModel: string;
  /** Numbers in the model that is shared and in each update. */
  readonly coordinates: number;
  readonly rounds: number;
  /** Whose contribution is clipped as one, and what epsilon is said of. */
  readonly unit: SharedUnit;
  /** Longest contribution of one unit. */
  readonly clipNorm: number;
  /** Standard deviation of a round's noise over what a unit may move a sum by, at least: the clip norm, or twice that where the participant is the unit. */
  readonly noiseMultiplier: number;
  readonly delta: number;
  /** Longest update that the server counts, noise included. */
  readonly updateNormBound: number;
  /** What the shared numbers mean, where they are a linear head over frozen features: the same for all, so that updates add up. */
  readonly head?: TaskHead;
  /** Made-up notes are dealt out by seat, so that nobody prepares data; `dealtTable` of the data layer makes them. */
  readonly sample?: TaskSample;
  /** Who signs releases: SubjectPublicKeyInfo of an ECDSA key over P-384, base64. Pinned with the task's hash. */
  readonly releaseKey?: string;
  /** Noise that the server adds to each round's sum, beside that of the nodes. Protects a participant from whoever gets the model, not from the operator. */
  readonly centralNoise?: TaskCentralNoise;
}

export interface TaskSample {
  /** Of one seat. */
  readonly persons: number;
  readonly notes: number;
  /** Concentration of the Dirichlet distribution that a seat's shares of labels are drawn from; null: the same for all. */
  readonly alpha: number | null;
}

export interface TaskCentralNoise {
  /** Standard deviation over `updateNormBound`, which is the most that one participant adds. */
  readonly noiseMultiplier: number;
  /** Participants asked a round at most, and what the noisy sum is divided by, however many answer. */
  readonly cohort: number;
}

/** A head [C, k + 1] over unit features, row by row in the order of the labels. D is the length of `publicMean`; k that of the projection, or D without one. */
export interface TaskHead {
  /** Word pieces of a note that are read. */
  readonly maximumLength: number;
  /** Encoder layers side by side, counted from 1, and their squared weights, of sum 1. */
  readonly featureLayers: readonly number[];
  readonly featureWeights: readonly number[];
  /** What features are centred by, before they are brought back to unit length: made from public text alone, never from notes. */
  readonly publicMean: readonly number[];
  /** What the last column is multiplied by. */
  readonly biasInput: number;
  readonly projection?: TaskProjection;
}

/** The map that centred features go through before they are clipped: k of D directions, the same for all and made from public text and a seed alone. */
export interface TaskProjection extends MapSettings {
  /** Of the map's float32 numbers, little-endian, [k, D]: every device works the map out, and takes part only if it comes to the same. */
  readonly sha256: string;
}

/** Of a task file: the directions of the largest map in base64 (270 kB), a mean of the longest features, a line a number (300 kB), a thousand labels with a sentence each. */
export const LARGEST_TASK_BYTES = 1_000_000;
const LARGEST_COORDINATES = 10_000_000;
const MOST_ROUNDS = 1000;
const MOST_LABELS = 1000;
const LONGEST_TEXT = 2000;
const MOST_LAYERS = 4;
const LONGEST_FEATURE = 10_000;
const LONGEST_NOTE = 512;
/** Numbers of a map: working it out takes a second at most. */
const LARGEST_MAP = 200_000;
const MOST_DEALT_PERSONS = 1000;
const MOST_DEALT_NOTES_PER_PERSON = 6;
const MOST_PARTICIPANTS = 10_000;
/** Beyond it a float64 has no digits left for the grid that the server rounds to. */
const LARGEST_CENTRAL_NOISE = 1e5;
/** The 24 bytes before the point of a P-384 key in DER, and its 97 bytes less the first (04), without padding: 120 bytes are 160 letters. */
const releaseKeyForm = /^MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE[A-Za-z0-9+/]{128}$/;
/** Weights are written in decimals. */
const WEIGHTS_TOLERANCE = 1e-6;

/**
 * The task in a file, every field checked, and the hash that names it: SHA-256 of the file's bytes, so that nobody has to agree on how numbers are written.
 * @throws `federation/task` with the field.
 */
export async function readTask(sha256: Sha256, file: Uint8Array<ArrayBuffer>): Promise<{ readonly task: Task; readonly taskHash: string }> {
  const json = readJsonObject(file, 'the task file', LARGEST_TASK_BYTES);
  const labels = texts(json['labels'], 'labels');
  const labelSentences = texts(json['labelSentences'], 'labelSentences');
  if (labels.length < 2 || new Set(labels).size !== labels.length) throw badTask('labels', 'two different texts or more', `${labels.length}`);
  if (labelSentences.length !== labels.length) throw badTask('labelSentences', `${labels.length} texts, one a label`, `${labelSentences.length}`);
  const baseModel = text(json['baseModel'], 'baseModel');
  if (!/^[0-9a-f]{64}$/.test(baseModel)) throw badTask('baseModel', '64 hexadecimal digits', 'something else');
  const unit = json['unit'];
  if (unit !== 'row' && unit !== 'person' && unit !== 'participant') throw badTask('unit', 'row, person or participant', 'something else');
  const delta = number(json['delta'], 'delta', 0, 1);
  if (delta === 1) throw badTask('delta', 'below 1', '1');
  // Devices draw by this law alone: a task that means another would be charged and announced as what it is not.
  if (json['noiseLaw'] !== undefined && json['noiseLaw'] !== 'rounded-gaussian') throw badTask('noiseLaw', 'rounded-gaussian, or none', 'something else');
  const coordinates = whole(json['coordinates'], 'coordinates', LARGEST_COORDINATES);
  const head = json['head'] === undefined ? undefined : await readHead(sha256, json['head'], labels.length, coordinates);
  const sample = json['sample'] === undefined ? undefined : readSample(json['sample']);
  const releaseKey = json['releaseKey'] === undefined ? undefined : text(json['releaseKey'], 'releaseKey');
  if (releaseKey !== undefined && !releaseKeyForm.test(releaseKey)) throw badTask('releaseKey', 'an ECDSA key over P-384, SubjectPublicKeyInfo in base64', 'something else');
  const centralNoise = json['centralNoise'] === undefined ? undefined : readCentralNoise(json['centralNoise']);
  const task: Task = {
    name: text(json['name'], 'name'),
    coordinator: text(json['coordinator'], 'coordinator'),
    labels, labelSentences, baseModel, unit, delta,
    coordinates,
    rounds: whole(json['rounds'], 'rounds', MOST_ROUNDS),
    clipNorm: number(json['clipNorm'], 'clipNorm', 0, 1e9),
    noiseMultiplier: number(json['noiseMultiplier'], 'noiseMultiplier', 0, 1e9),
    updateNormBound: number(json['updateNormBound'], 'updateNormBound', 0, 1e9),
    ...(head === undefined ? {} : { head }),
    ...(sample === undefined ? {} : { sample }),
    ...(releaseKey === undefined ? {} : { releaseKey }),
    ...(centralNoise === undefined ? {} : { centralNoise }),
  };
  return { task, taskHash: bytesToHex(await sha256(file)) };
}

/** Bytes of the array in one update; its envelope adds about 3 kB. */
export function updateBytes(task: Task): number {
  return npySize([task.coordinates]);
}

async function readHead(sha256: Sha256, value: unknown, classes: number, coordinates: number): Promise<TaskHead> {
  if (!isJsonObject(value)) throw badTask('head', 'an object', 'something else');
  const featureLayers = list(value['featureLayers'], 'head.featureLayers', MOST_LAYERS, (item) => whole(item, 'head.featureLayers', 1000));
  const featureWeights = list(value['featureWeights'], 'head.featureWeights', MOST_LAYERS, (item) => number(item, 'head.featureWeights', 0, 1));
  const total = featureWeights.reduce((sum, weight) => sum + weight, 0);
  if (featureLayers.length === 0 || featureWeights.length !== featureLayers.length || Math.abs(total - 1) > WEIGHTS_TOLERANCE) throw badTask('head.featureWeights', 'one number a layer, of sum 1', `${featureWeights.length} of sum ${total}`);
  // Zero is a mean like any other; a mean of unit vectors is no longer than one.
  const publicMean = list(value['publicMean'], 'head.publicMean', LONGEST_FEATURE, (item) => number(item, 'head.publicMean', -1 - WEIGHTS_TOLERANCE, 1));
  const projection = value['projection'] === undefined ? undefined : await readProjection(sha256, value['projection'], publicMean.length);
  const inputs = projection?.dimension ?? publicMean.length;
  if (coordinates !== classes * (inputs + 1)) throw badTask('coordinates', `${classes * (inputs + 1)}: ${classes} labels by ${inputs} numbers and one`, `${coordinates}`);
  return { featureLayers, featureWeights, publicMean, maximumLength: whole(value['maximumLength'], 'head.maximumLength', LONGEST_NOTE), biasInput: number(value['biasInput'], 'head.biasInput', 0, 10), ...(projection === undefined ? {} : { projection }) };
}

/** Works the map out and holds it to its hash: numbers of another map would add up to nothing. */
async function readProjection(sha256: Sha256, value: unknown, length: number): Promise<TaskProjection> {
  if (!isJsonObject(value)) throw badTask('head.projection', 'an object', 'something else');
  const dimension = whole(value['dimension'], 'head.projection.dimension', Math.min(length, Math.floor(LARGEST_MAP / length)));
  const seed = value['seed'];
  if (typeof seed !== 'number' || !Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) throw badTask('head.projection.seed', 'a whole number of 32 bits', 'something else');
  const bytes = typeof value['directions'] === 'string' ? base64ToBytes(value['directions']) : null;
  if (bytes === null || bytes.length % length !== 0) throw badTask('head.projection.directions', `whole rows of ${length} signed bytes in base64`, bytes === null ? 'something else' : `${bytes.length} bytes`);
  const directions = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const map = orthonormalMap({ dimension, seed, directions }, length);
  const found = bytesToHex(await sha256(new Uint8Array(map.buffer)));
  if (value['sha256'] !== found) throw badTask('head.projection.sha256', found, typeof value['sha256'] === 'string' ? value['sha256'].slice(0, 64) : 'something else');
  return { dimension, seed, directions, sha256: found };
}

function readSample(value: unknown): TaskSample {
  if (!isJsonObject(value)) throw badTask('sample', 'an object', 'something else');
  const persons = whole(value['persons'], 'sample.persons', MOST_DEALT_PERSONS);
  const notes = whole(value['notes'], 'sample.notes', MOST_DEALT_NOTES_PER_PERSON * persons);
  if (notes < persons) throw badTask('sample.notes', `at least one a person, ${persons}`, `${notes}`);
  return { persons, notes, alpha: value['alpha'] === null ? null : number(value['alpha'], 'sample.alpha', 0, 1e6) };
}

function readCentralNoise(value: unknown): TaskCentralNoise {
  if (!isJsonObject(value)) throw badTask('centralNoise', 'an object', 'something else');
  const cohort = whole(value['cohort'], 'centralNoise.cohort', MOST_PARTICIPANTS);
  if (cohort < 2) throw badTask('centralNoise.cohort', '2 participants or more', `${cohort}`);
  return { noiseMultiplier: number(value['noiseMultiplier'], 'centralNoise.noiseMultiplier', 0, LARGEST_CENTRAL_NOISE), cohort };
}

function list<Item>(value: unknown, field: string, most: number, item: (value: unknown) => Item): readonly Item[] {
  if (!Array.isArray(value) || value.length > most) throw badTask(field, `a list of at most ${most}`, Array.isArray(value) ? `${value.length}` : 'something else');
  return value.map((one) => item(one));
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > LONGEST_TEXT) throw badTask(field, `a text of 1 to ${LONGEST_TEXT} characters`, typeof value === 'string' ? `${value.length}` : 'something else');
  return value;
}

function texts(value: unknown, field: string): readonly string[] {
  return list(value, field, MOST_LABELS, (item) => text(item, field));
}

function number(value: unknown, field: string, above: number, most: number): number {
  if (typeof value !== 'number' || !(value > above && value <= most)) throw badTask(field, `a number above ${above}, at most ${most}`, typeof value === 'number' ? `${value}` : 'something else');
  return value;
}

function whole(value: unknown, field: string, most: number): number {
  const found = number(value, field, 0, most);
  if (!Number.isInteger(found)) throw badTask(field, 'a whole number', `${found}`);
  return found;
}
