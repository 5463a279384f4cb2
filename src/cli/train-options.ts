import { parseArgs } from 'node:util';
import { bytesToUtf8 } from '../ground/bytes.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import type { FeatureLayers } from '../training/plan.ts';
import { defaultEpsilon, defaultMaximumLength, fewestUnitsAtOne, leastSignal, twoFeatureLayers } from '../training/propose.ts';
import { fileError, readNamedFile } from './node-files.ts';
import { defaultModelFolder } from './node-engine.ts';
import { defaultLedgerPath } from './node-ledger-store.ts';
import { usageError } from './run-command.ts';

export const trainUsage =
  'npm run -s train -- --data notes.csv --text COLUMN --label COLUMN [--person COLUMN] [--group COLUMN]... [--test held-out.csv] [--method head|lora|layers|sentences] [--layers 2|all] [--balanced] [--two-layers] [--epsilon 3|none] [--delta D] [--limit EPSILON] ' +
  '[--unit row|person] [--labels descriptions.json] [--max-length 128] [--seed 1] [--ledger FILE] [--model FOLDER] --out FOLDER [--json]';

export interface TrainOptions {
  readonly data: string;
  readonly test: string | null;
  readonly text: string;
  readonly label: string;
  readonly person: string | null;
  readonly groups: readonly string[];
  readonly method: 'head' | 'lora' | 'layers' | 'sentences';
  /** Layers from the top that `layers` trains; null: the plan's own number. 'all': embeddings too. */
  readonly topLayers: number | 'all' | null;
  /** Rare labels are helped; of the private head alone. */
  readonly isBalanced: boolean;
  /** Two layers of the encoder are read; of the private head alone. */
  readonly hasTwoLayers: boolean;
  /** Null: not private. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  /** Hard stop over all runs on these rows; null: the one that the first run set. */
  readonly limit: number | null;
  readonly unit: PrivacyUnit;
  readonly labels: string | null;
  readonly maximumLength: number;
  readonly seed: number;
  readonly ledger: string;
  readonly model: string;
  readonly out: string;
  readonly json: boolean;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw usageError(`--${name} must be a number above 0, found ${JSON.stringify(text)}.`, trainUsage);
  return value;
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) throw usageError(`--${name} must be a whole number of at least ${least}, found ${JSON.stringify(text)}.`, trainUsage);
  return value;
}

/** Checks the whole command line before anything is read. */
export function parseTrainOptions(args: readonly string[]): TrainOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string' }, test: { type: 'string' }, text: { type: 'string' }, label: { type: 'string' }, person: { type: 'string' }, group: { type: 'string', multiple: true },
      method: { type: 'string' }, layers: { type: 'string' }, epsilon: { type: 'string' }, delta: { type: 'string' }, limit: { type: 'string' }, unit: { type: 'string' }, labels: { type: 'string' }, 'max-length': { type: 'string' },
      seed: { type: 'string' }, ledger: { type: 'string' }, model: { type: 'string' }, out: { type: 'string' }, balanced: { type: 'boolean' }, 'two-layers': { type: 'boolean' }, json: { type: 'boolean' },
    },
  });
  const required = (name: 'data' | 'text' | 'label' | 'out'): string => {
    const value = values[name];
    if (!value) throw usageError(`--${name} is missing.`, trainUsage);
    return value;
  };
  const method = values.method ?? 'head';
  if (method !== 'head' && method !== 'lora' && method !== 'layers' && method !== 'sentences') throw usageError(`--method must be head, lora, layers or sentences, found ${JSON.stringify(method)}.`, trainUsage);
  const [isBalanced, hasTwoLayers] = [values.balanced ?? false, values['two-layers'] ?? false];
  for (const [name, isGiven] of [['balanced', isBalanced], ['two-layers', hasTwoLayers]] as const) {
    if (isGiven && (method !== 'head' || values.epsilon === 'none')) throw usageError(`--${name} is for private runs of --method head alone.`, trainUsage);
  }
  if (method === 'layers' && values.epsilon !== 'none') throw usageError('--method layers trains whole layers, whose gradients are not made by example, so that none can be clipped: it cannot be private. Add --epsilon none, or take --method lora.', trainUsage);
  if (values.layers !== undefined && method !== 'layers') throw usageError('--layers is for --method layers alone.', trainUsage);
  const unit = values.unit ?? (values.person === undefined ? 'row' : 'person');
  if (unit !== 'row' && unit !== 'person') throw usageError(`--unit must be row or person, found ${JSON.stringify(unit)}.`, trainUsage);
  if (unit === 'person' && values.person === undefined) throw usageError('--unit person needs --person with the column that tells persons apart.', trainUsage);
  const delta = values.delta === undefined ? null : positive('delta', values.delta);
  if (delta !== null && delta >= 1) throw usageError('--delta must be below 1.', trainUsage);
  return {
    data: required('data'), text: required('text'), label: required('label'), out: required('out'),
    test: values.test ?? null, person: values.person ?? null, groups: values.group ?? [], method, isBalanced, hasTwoLayers, unit, delta,
    topLayers: values.layers === undefined ? null : values.layers === 'all' ? 'all' : whole('layers', values.layers, 1),
    epsilon: values.epsilon === 'none' ? null : positive('epsilon', values.epsilon ?? String(defaultEpsilon)),
    limit: values.limit === undefined ? null : positive('limit', values.limit),
    labels: values.labels ?? null,
    maximumLength: whole('max-length', values['max-length'] ?? String(defaultMaximumLength), 8),
    seed: whole('seed', values.seed ?? '1', 0),
    ledger: values.ledger ?? defaultLedgerPath(),
    model: values.model ?? defaultModelFolder,
    json: values.json ?? false,
  };
}

/**
 * Holds delta to the number of units that train: at 1/N a mechanism that publishes one unit outright keeps its promise (Dwork and Roth 2014, section 2.3).
 * Returns a warning above 1/(10 N), else null.
 * @throws cli/usage from 1/N on
 */
export function checkDelta(delta: number, units: number, unit: PrivacyUnit): string | null {
  const many = `${units} ${unit === 'person' ? 'persons' : 'notes'}`;
  if (delta >= 1 / units) throw usageError(`--delta ${delta} is too large for ${many}: from 1/${units} on, publishing one of them whole would keep the promise. Nothing was charged.`, trainUsage);
  if (delta > 1 / (10 * units)) return `--delta ${delta} is large for ${many}: below ${(1 / (10 * units)).toPrecision(2)} is advised, for delta is what the promise leaves open beyond epsilon.`;
  return null;
}

/** The features that `--two-layers` asks for, of an encoder of so many layers. @throws cli/usage where it has one */
export function twoLayersOf(layers: number): FeatureLayers {
  const two = twoFeatureLayers(layers);
  if (two === null) throw usageError(`--two-layers needs a model of two layers at least, found ${layers}.`, trainUsage);
  return two;
}

/** Which of the two rules says that notes are too few for a private model, and what to do: x is `signalOf` these units. */
export function fewUnitsWarning(unit: PrivacyUnit, signal: number): string {
  const units = unit === 'person' ? 'persons' : 'notes';
  if (signal < leastSignal) return `These are too few ${units} for a private model to learn from (x = ${signal.toPrecision(2)}, below ${leastSignal}): --method sentences does as well and costs no privacy.`;
  return `At epsilon 1 or less, fewer than ${fewestUnitsAtOne} ${units} teach a private model little for sure: compare it with --method sentences, which costs no privacy.`;
}

/** Label descriptions: `{"LABEL": "sentence", ...}`. */
export async function readSentences(path: string | null): Promise<Readonly<Record<string, string>>> {
  if (path === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(bytesToUtf8(await readNamedFile(path)));
  } catch (error) {
    if (error instanceof SyntaxError) throw fileError('labels-json', `${path} is not valid JSON.`, 'It should look like {"LABEL": "one sentence", ...}.');
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fileError('labels-shape', `${path} should hold one object of sentences.`, 'It should look like {"LABEL": "one sentence", ...}.');
  const sentences: Record<string, string> = {};
  for (const [label, sentence] of Object.entries(value)) {
    if (typeof sentence !== 'string') throw fileError('labels-shape', `${path} should give each label a sentence; one of them has something else.`, 'It should look like {"LABEL": "one sentence", ...}.');
    sentences[label] = sentence;
  }
  return sentences;
}
