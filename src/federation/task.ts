import { bytesToHex } from '../ground/bytes.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { npySize } from './arrays.ts';
import { badTask } from './errors.ts';
import { readJsonObject } from './json-body.ts';
import type { Sha256 } from './signing.ts';

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
  readonly unit: PrivacyUnit;
  /** Longest contribution of one unit. */
  readonly clipNorm: number;
  /** Standard deviation of a round's noise over the clip norm, at least. */
  readonly noiseMultiplier: number;
  readonly delta: number;
  /** Longest update that the server counts, noise included. */
  readonly updateNormBound: number;
}

const LARGEST_COORDINATES = 10_000_000;
const MOST_ROUNDS = 1000;
const MOST_LABELS = 1000;
const LONGEST_TEXT = 2000;

/**
 * The task in a file, every field checked, and the hash that names it: SHA-256 of the file's bytes, so that nobody has to agree on how numbers are written.
 * @throws `federation/task` with the field.
 */
export async function readTask(sha256: Sha256, file: Uint8Array<ArrayBuffer>): Promise<{ readonly task: Task; readonly taskHash: string }> {
  const json = readJsonObject(file, 'the task file');
  const labels = texts(json['labels'], 'labels');
  const labelSentences = texts(json['labelSentences'], 'labelSentences');
  if (labels.length < 2 || new Set(labels).size !== labels.length) throw badTask('labels', 'two different texts or more', `${labels.length}`);
  if (labelSentences.length !== labels.length) throw badTask('labelSentences', `${labels.length} texts, one a label`, `${labelSentences.length}`);
  const baseModel = text(json['baseModel'], 'baseModel');
  if (!/^[0-9a-f]{64}$/.test(baseModel)) throw badTask('baseModel', '64 hexadecimal digits', 'something else');
  const unit = json['unit'];
  if (unit !== 'row' && unit !== 'person') throw badTask('unit', 'row or person', 'something else');
  const delta = number(json['delta'], 'delta', 0, 1);
  if (delta === 1) throw badTask('delta', 'below 1', '1');
  const task: Task = {
    name: text(json['name'], 'name'),
    coordinator: text(json['coordinator'], 'coordinator'),
    labels, labelSentences, baseModel, unit, delta,
    coordinates: whole(json['coordinates'], 'coordinates', LARGEST_COORDINATES),
    rounds: whole(json['rounds'], 'rounds', MOST_ROUNDS),
    clipNorm: number(json['clipNorm'], 'clipNorm', 0, 1e9),
    noiseMultiplier: number(json['noiseMultiplier'], 'noiseMultiplier', 0, 1e9),
    updateNormBound: number(json['updateNormBound'], 'updateNormBound', 0, 1e9),
  };
  return { task, taskHash: bytesToHex(await sha256(file)) };
}

/** Bytes of the array in one update; its envelope adds about 3 kB. */
export function updateBytes(task: Task): number {
  return npySize([task.coordinates]);
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > LONGEST_TEXT) throw badTask(field, `a text of 1 to ${LONGEST_TEXT} characters`, typeof value === 'string' ? `${value.length}` : 'something else');
  return value;
}

function texts(value: unknown, field: string): readonly string[] {
  if (!Array.isArray(value) || value.length > MOST_LABELS) throw badTask(field, `a list of at most ${MOST_LABELS} texts`, Array.isArray(value) ? `${value.length}` : 'something else');
  return value.map((item) => text(item, field));
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
