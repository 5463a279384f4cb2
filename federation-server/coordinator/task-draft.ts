import { createHash } from 'node:crypto';
import { defaultModelFolder, openNodeModel, readModelManifest } from '../../src/cli/node-engine.ts';
import { sampleSentences, specialties } from '../../src/data/sample-phrases.ts';
import { agreementFigures } from '../../src/federation/agreement.ts';
import { badTask } from '../../src/federation/errors.ts';
import { bytesToBase64 } from '../../src/federation/signing.ts';
import { isJsonObject, readJsonObject } from '../../src/federation/json-body.ts';
import { LARGEST_TASK_BYTES, readTask, type Task, type TaskCentralNoise, type TaskHead } from '../../src/federation/task.ts';
import { orthonormalMap } from '../../src/ground/orthonormal-map.ts';
import { roundUpTo } from '../../src/ground/rounding.ts';
import { gaussianEpsilon, gaussianMu } from '../../src/privacy/gaussian.ts';
import { encodeRows } from '../../src/training/encode-rows.ts';
import { projectedHead } from '../../src/training/federated-projection.ts';
import { defaultRounds, federatedServerRate, honestNormBound } from '../../src/training/federated-rate.ts';
import type { SharedUnit } from '../../src/privacy/shared-unit.ts';
import { labelStart, sentenceMean, usualLabelScale } from '../../src/training/full-batch-head.ts';

/** The built-in notes, for a workshop where nobody prepares data. */
const sampleDraft = {
  name: 'Specialties of made-up clinic notes',
  coordinator: 'Whoever showed you this link',
  labels: specialties,
  labelSentences: specialties.map((label) => sampleSentences[label]),
  unit: 'person',
  rounds: defaultRounds,
  epsilon: 3,
  delta: 1e-5,
  clipNorm: 0.3,
  // Of 40 persons a fifth stays out of training.
  units: 32,
  sample: { persons: 40, notes: 110, alpha: null },
} as const;

const BIAS_INPUT = 0.3;
const MAXIMUM_LENGTH = 128;
/** Of a participant, where a draft does not say how many notes or persons are typical. */
const TYPICAL_UNITS = 20;
/** Devices that a command sure has, where it does not say. */
const FEWEST_CLIENTS = 2;

export interface CompleteTask {
  readonly task: Task;
  readonly taskHash: string;
  /** What participants hash. */
  readonly file: Buffer;
  readonly serverRate: number;
  /** The first model, made from the label sentences: [C, k + 1]. Null: zeros. */
  readonly initial: Float32Array | null;
}

/** What a command line says beside the file; null: nothing. */
export interface TaskChanges {
  readonly rounds: number | null;
  readonly epsilon: number | null;
  /** Whose contribution is clipped as one; null or absent: as the file says. */
  readonly unit?: SharedUnit | null;
  /** Who runs it, in their words. */
  readonly coordinator?: string | null;
  /** Concentration of the labels' shares, where notes are dealt out. */
  readonly skew: number | null;
  readonly centralNoise: TaskCentralNoise | null;
  /** Who signs here. */
  readonly releaseKey: string | null;
  /** Numbers that each note's feature is mapped to, the same way by all; null or absent: all of it. */
  readonly project?: number | null;
  /** Devices that a round begins with: what the server rate is worked out for. */
  readonly minClients?: number;
}

/**
 * A coordinator's task file with everything that the command can work out: the base model, the shape and the public mean of a head, the noise for an `epsilon`,
 * the norm that honest updates keep. A file that says all of it is served byte for byte.
 * @throws `federation/task`.
 */
export async function completeTask(given: Uint8Array | null, change: TaskChanges): Promise<CompleteTask> {
  const { units, epsilon: draftEpsilon, project: draftProject, ...fields } = given === null ? { project: undefined, ...sampleDraft } : { epsilon: undefined, units: undefined, project: undefined, ...readJsonObject(given, 'the task file', LARGEST_TASK_BYTES) };
  const json: Record<string, unknown> = { ...fields };
  if (change.rounds !== null) json['rounds'] = change.rounds;
  if (change.unit !== undefined && change.unit !== null) json['unit'] = change.unit;
  if (change.coordinator !== undefined && change.coordinator !== null) json['coordinator'] = change.coordinator;
  if (change.centralNoise !== null) json['centralNoise'] = change.centralNoise;
  changeSample(json, change.skew);
  changeReleaseKey(json, change.releaseKey);
  const epsilon = change.epsilon ?? draftEpsilon;
  if (json['noiseMultiplier'] === undefined) json['noiseMultiplier'] = noiseFor(positive(epsilon, 'epsilon'), positive(json['rounds'], 'rounds'), positive(json['delta'], 'delta'));
  else if (epsilon !== undefined) throw badTask('epsilon', 'absent where noiseMultiplier fixes the noise', String(epsilon));

  const project = projectOf(change.project ?? draftProject);
  if (project !== null && (json['head'] !== undefined || json['coordinates'] !== undefined)) throw badTask('project', 'absent where head or coordinates say what is shared', String(project.dimension));
  const sentences = await encodedSentences(json);
  if (project !== null && sentences === null) throw badTask('project', 'label sentences and the base model of the app', 'others');
  if (json['head'] === undefined && json['coordinates'] === undefined && sentences !== null) {
    const { features, width, classes, layers } = sentences;
    const head: TaskHead = { maximumLength: MAXIMUM_LENGTH, featureLayers: layers, featureWeights: [1], publicMean: [...sentenceMean(features, classes, width)], biasInput: BIAS_INPUT };
    const projection = project === null ? {} : { projection: projectionFrom(sentences, project) };
    Object.assign(json, { baseModel: sentences.baseModel, head: { ...head, ...projection }, coordinates: classes * ((project?.dimension ?? width) + 1) });
  }
  if (json['updateNormBound'] === undefined) json['updateNormBound'] = normBound(json, units === undefined ? TYPICAL_UNITS : positive(units, 'units'));

  const isAsGiven = given !== null && JSON.stringify(json) === JSON.stringify(readJsonObject(given, 'the task file', LARGEST_TASK_BYTES));
  const file = isAsGiven ? Buffer.from(given) : Buffer.from(`${JSON.stringify(json, null, 2)}\n`);
  if (file.length > LARGEST_TASK_BYTES) throw badTask('file', `${LARGEST_TASK_BYTES} bytes at most with all that is worked out (shorter label sentences, or fewer numbers a note, make it shorter)`, `${file.length}`);
  const { task, taskHash } = await readTask((bytes) => Promise.resolve(createHash('sha256').update(bytes).digest()), new Uint8Array(file));
  const serverRate = json['serverRate'] === undefined ? defaultRate(task, change.minClients ?? FEWEST_CLIENTS) : positive(json['serverRate'], 'serverRate');
  return { task, taskHash, file, serverRate, initial: sentences !== null && task.head !== undefined ? firstModel(sentences, task.head, task.coordinates) : null };
}

function changeSample(json: Record<string, unknown>, skew: number | null): void {
  const { sample, labels } = json;
  if (sample === undefined && skew !== null) throw badTask('sample', 'made-up notes to deal out, where --skew says how', 'none');
  if (sample === undefined) return;
  if (!Array.isArray(labels) || labels.length !== specialties.length || !specialties.every((one, index) => labels[index] === one)) throw badTask('labels', `those of the made-up notes, ${specialties.join(', ')}, where sample deals them out`, 'others');
  if (skew !== null && isJsonObject(sample)) json['sample'] = { ...sample, alpha: skew };
}

function changeReleaseKey(json: Record<string, unknown>, releaseKey: string | null): void {
  if (releaseKey === null) return;
  if (json['releaseKey'] !== undefined && json['releaseKey'] !== releaseKey) throw badTask('releaseKey', 'absent, or the key of this machine', 'another key');
  json['releaseKey'] = releaseKey;
}

/** Least noise at which `rounds` Gaussian releases come to at most `epsilon`. */
function noiseFor(epsilon: number, rounds: number, delta: number): number {
  // A few units in the last place more, so that adding the rounds up again does not pass the target.
  return (Math.sqrt(rounds) / gaussianMu(epsilon, delta)) * (1 + 1e-9);
}

/**
 * Norm that honest updates of `units` rows or persons keep, derived in task.py of the server. Whoever has fewer shortens the noised update to it: then
 * a handful of notes does not bring more noise than a typical participant's. So the typical number, not the fewest.
 */
function normBound(json: Readonly<Record<string, unknown>>, units: number): number {
  const [clipNorm, noiseMultiplier, coordinates] = (['clipNorm', 'noiseMultiplier', 'coordinates'] as const).map((field) => positive(json[field], field));
  const isWhole = json['unit'] === 'participant';
  // However many notes a participant has, they are one contribution.
  return honestNormBound({ unit: isWhole ? 'participant' : 'row', clipNorm: clipNorm!, noiseMultiplier: noiseMultiplier!, coordinates: coordinates! }, isWhole ? 1 : units);
}

/** The measured rule for heads; other numbers are taken as they come. */
function defaultRate(task: Task, clients: number): number {
  return task.head === undefined ? 1 : federatedServerRate(task, clients);
}

interface EncodedSentences {
  /** Pooled outputs of the sentences, unit vectors: [C, width]. */
  readonly features: Float32Array;
  readonly classes: number;
  readonly width: number;
  readonly layers: readonly number[];
  readonly baseModel: string;
}

/** Null where the task is about another model, or about no head at all. */
async function encodedSentences(json: Readonly<Record<string, unknown>>): Promise<EncodedSentences | null> {
  const manifest = await readModelManifest(defaultModelFolder);
  const baseModel = manifest.files['model.safetensors']?.sha256 ?? '';
  const texts = json['labelSentences'];
  const isHead = json['head'] !== undefined || json['coordinates'] === undefined;
  if (!isHead || (json['baseModel'] !== undefined && json['baseModel'] !== baseModel) || !Array.isArray(texts) || texts.length === 0 || !texts.every((one) => typeof one === 'string')) return null;
  const { engine, tokenizer } = await openNodeModel(defaultModelFolder);
  const head = json['head'];
  const layers = typeof head === 'object' && head !== null && 'featureLayers' in head && Array.isArray(head.featureLayers) ? head.featureLayers.slice(0, 1).map(Number) : [engine.shape.layers];
  const rows = texts.map((one) => tokenizer.encode(one, MAXIMUM_LENGTH).ids);
  const features = await encodeRows(engine, rows, { layers, weights: [1], isUnitLength: true }, null, () => true);
  return { features, classes: texts.length, width: engine.shape.width, layers, baseModel };
}

interface Project {
  readonly dimension: number;
  readonly seed: number;
  /** Without it the directions are random: measured to cost accuracy, and of use to see how much. */
  readonly isFromSentences: boolean;
}

/** `--project`, or what a draft says: a number, or an object with a seed. */
function projectOf(value: unknown): Project | null {
  if (value === undefined || value === null) return null;
  const { dimension, seed = 1, isFromSentences = true } = isJsonObject(value) ? value : { dimension: value };
  if (typeof seed !== 'number' || typeof isFromSentences !== 'boolean') throw badTask('project', 'a dimension, a seed, and whether it begins with the label sentences', 'something else');
  return { dimension: positive(dimension, 'project'), seed, isFromSentences };
}

/**
 * The map of a task: first the directions of the label sentences, in which the first model lies whole, then random ones. As whole numbers of 8 bits, so that
 * every device starts from the same ones; encoders differ in their last digits.
 */
function projectionFrom({ features, classes, width }: EncodedSentences, { dimension, seed, isFromSentences }: Project): Readonly<Record<string, unknown>> {
  if (!Number.isInteger(dimension) || dimension > width || (isFromSentences && dimension < classes)) throw badTask('project', `a whole number from ${classes}, one a label, to ${width}`, String(dimension));
  const start = labelStart(features, classes, width, width, 1);
  const directions = new Int8Array(isFromSentences ? classes * width : 0);
  for (let at = 0; at < directions.length; at += width) {
    const row = start.subarray(at + at / width, at + at / width + width);
    const largest = row.reduce((size, number) => Math.max(size, Math.abs(number)), 0);
    directions.set(row.map((number) => (largest > 0 ? Math.round((127 * number) / largest) : 0)), at);
  }
  const map = orthonormalMap({ dimension, seed, directions }, width);
  return { dimension, seed, directions: bytesToBase64(new Uint8Array(directions.buffer)), sha256: createHash('sha256').update(new Uint8Array(map.buffer)).digest('hex') };
}

/** Starts from the label sentences, in the block of the first layer: better than zeros, and as public. */
function firstModel({ features, classes, width }: EncodedSentences, head: TaskHead, coordinates: number): Float32Array {
  const start = labelStart(features, classes, width, head.publicMean.length, usualLabelScale / Math.sqrt(head.featureWeights[0]!));
  const first = projectedHead(head, start);
  return first.length === coordinates ? first : new Float32Array(coordinates);
}

function positive(value: unknown, field: string): number {
  if (typeof value !== 'number' || !(value > 0 && value < Number.POSITIVE_INFINITY)) throw badTask(field, 'a number above 0', typeof value === 'number' ? `${value}` : value === undefined ? 'nothing' : 'something else');
  return value;
}

/** One line on what the task costs a participant, from the numbers themselves; another where the server adds noise. */
export function costSentence(task: Task): string {
  const { epsilonPerRound, epsilonTotal } = agreementFigures(task);
  const own = `${task.rounds === 1 ? '1 round' : `${task.rounds} rounds`}; epsilon ${roundUpTo(epsilonPerRound, 3)} a round and ${roundUpTo(epsilonTotal, 3)} in all at delta ${task.delta}, ${task.unit === 'participant' ? 'for all notes of a participant together' : `for each ${task.unit}`}`;
  const central = centralEpsilon(task);
  if (central === null) return own;
  return `${own}\n  the server's noise: epsilon ${roundUpTo(central.perRound, 3)} a round and ${roundUpTo(central.total, 3)} in all for each participant, against whoever gets the model, not against you; the sum is divided by ${central.cohort}`;
}

/** What the server's own noise promises a participant: all rounds are one Gaussian mechanism. Null where there is none. */
export function centralEpsilon({ centralNoise, rounds, delta }: Task): { readonly noiseMultiplier: number; readonly cohort: number; readonly perRound: number; readonly total: number; readonly delta: number } | null {
  if (centralNoise === undefined) return null;
  const { noiseMultiplier, cohort } = centralNoise;
  return { noiseMultiplier, cohort, delta, perRound: gaussianEpsilon(1 / noiseMultiplier, delta), total: gaussianEpsilon(Math.sqrt(rounds) / noiseMultiplier, delta) };
}
