import { utf8ToBytes } from '../ground/bytes.ts';
import { buildArray, readArray } from './arrays.ts';
import { decode } from './codec/decode.ts';
import { encode } from './codec/encode.ts';
import { valueRecord, type RecordValue } from './codec/record-messages.ts';
import { malformed } from './errors.ts';
import { readJsonObject } from './json-body.ts';
import { buildObject, takeObject, type BuiltObject } from './object-store.ts';
import type { Sha256 } from './signing.ts';

const LARGEST_RECORD = 65_536;

/** The body of an object that names others, worded as flwr words it. Names are plain ASCII. */
function referenceBody(entries: readonly (readonly [name: string, id: string])[]): Uint8Array {
  return utf8ToBytes(`{${entries.map(([name, id]) => `${JSON.stringify(name)}: "${id}"`).join(', ')}}`);
}

/** Names exactly the expected ones, each with a child of the object. */
function readReferences(contents: ReadonlyMap<string, Uint8Array>, id: string, type: 'RecordDict' | 'ArrayRecord', names: readonly string[]): readonly string[] {
  const { children, body } = takeObject(contents, id, type);
  const references = readJsonObject(body, type);
  const found = Object.keys(references);
  if (found.length !== names.length) throw malformed(`${names.length} entries of ${type}`, `${found.length}`);
  return names.map((name) => {
    const child = references[name];
    if (typeof child !== 'string' || !children.includes(child)) throw malformed(`an entry ${name} of ${type}`, 'none');
    return child;
  });
}

/** What a node sends: one array and some numbers, as a RecordDict of two records. */
export async function buildUpdateRecords(sha256: Sha256, name: string, values: Float32Array, metrics: Readonly<Record<string, number>>): Promise<BuiltObject> {
  const array = await buildArray(sha256, values, [values.length]);
  const arrays = await buildObject(sha256, 'ArrayRecord', [array], referenceBody([[name, array.id]]));
  const items = Object.entries(metrics).map(([key, double]) => ({ key, value: { double } }));
  const numbers = await buildObject(sha256, 'MetricRecord', [], encode(valueRecord, { items }));
  return buildObject(sha256, 'RecordDict', [arrays, numbers], referenceBody([['arrays', arrays.id], ['metrics', numbers.id]]));
}

export interface InstructionRecords {
  /** Id of the ArrayRecord: names this version of the model. */
  readonly modelId: string;
  readonly model: Float32Array;
  readonly config: ReadonlyMap<string, RecordValue>;
}

/** What a server sends for training: the model and its settings, under the Message object `rootId`. */
export function readInstruction(contents: ReadonlyMap<string, Uint8Array>, rootId: string, name: string, shape: readonly number[]): InstructionRecords {
  const [records, ...others] = takeObject(contents, rootId, 'Message').children;
  if (records === undefined || others.length > 0) throw malformed('one RecordDict', `${others.length + (records === undefined ? 0 : 1)}`);
  const [modelId, configId] = readReferences(contents, records, 'RecordDict', ['arrays', 'config']);
  const [arrayId] = readReferences(contents, modelId!, 'ArrayRecord', [name]);
  return { modelId: modelId!, model: readArray(contents, arrayId!, shape), config: readConfig(takeObject(contents, configId!, 'ConfigRecord').body) };
}

/** The settings of a ConfigRecord by name. */
export function readConfig(body: Uint8Array): ReadonlyMap<string, RecordValue> {
  const config = new Map<string, RecordValue>();
  for (const { key, value } of decode(valueRecord, body, LARGEST_RECORD).items) {
    if (value === undefined || config.has(key)) throw malformed('settings, each once', 'one without a value, or twice');
    config.set(key, value);
  }
  return config;
}
