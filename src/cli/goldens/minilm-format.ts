import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goldenAgreement, readMiniLmGolden, type GoldenCheck } from '../../engine/golden-agreement.ts';
import { readSafetensors } from '../../engine/model/safetensors.ts';
import { defaultModelFolder, openNodeModel, type NodeModel } from '../node-engine.ts';
import { listOf, numberOf, objectOf, recordedOf, type Family, type Format, type JsonObject, type Source } from './format.ts';
import { minilmRules } from './rules.ts';

let model: Promise<NodeModel> | null = null;
/** Held to the file's tolerances, which rounded inputs would not keep. */
const openModel = () => (model ??= openNodeModel(defaultModelFolder, { mayRound: false }));

const agreements = new Map<JsonObject, Promise<readonly GoldenCheck[]>>();

/** The engine's errors against a file and its companion tensors; computed once. */
function agreement({ folder, json }: Source): Promise<readonly GoldenCheck[]> {
  const known = agreements.get(json);
  if (known) return known;
  const fresh = (async () => {
    const companion = (await readdir(folder)).find((name) => name.startsWith('minilm') && name.endsWith('.safetensors'));
    if (companion === undefined) throw new Error('no minilm*.safetensors lies beside the file');
    const { engine } = await openModel();
    return goldenAgreement(engine, readMiniLmGolden(json, readSafetensors(await readFile(join(folder, companion)))));
  })();
  agreements.set(json, fresh);
  return fresh;
}

async function errorOverTolerance(name: string, source: Source): Promise<number> {
  const check = (await agreement(source)).find((one) => one.name === name);
  if (!check) throw new Error(`the engine's check has no ${name}`);
  // Shown on the scale of the tolerance, so that 0 is agreement and more than 1 is a failure.
  return check.worstError / check.tolerance;
}

const scalarFamily = (name: 'loss' | 'norms' | 'logits'): Family => ({
  name,
  fields: minilmRules[name],
  check: async (_entry, compare, source) => compare('int8', await errorOverTolerance(`${name}.int8`, source), 0),
});

/** What the engine's check covers of the companion file. */
const tensorNames = [...Array.from({ length: 7 }, (_, layer) => `int8.layer${layer}_pooled`), 'int8.lora.example0_grad', 'int8.lora.sum_clipped', 'int8.lora.sum_clipped4'];

const families: readonly Family[] = [
  {
    name: 'input_ids',
    fields: minilmRules.input_ids,
    async check(entry, compare, { json }) {
      const { tokenizer } = await openModel();
      const found = tokenizer.encode(String(recordedOf(entry, 'text')), numberOf(json, 'max_length')).ids;
      compare('ids', found.join(' '), listOf(entry, 'ids').join(' '));
    },
  },
  scalarFamily('loss'),
  scalarFamily('norms'),
  scalarFamily('logits'),
  { name: 'tensors', fields: minilmRules.tensors, check: async (entry, compare, source) => compare('error', await errorOverTolerance(String(recordedOf(entry, 'name')), source), 0) },
];

function entriesOf(json: JsonObject): ReadonlyMap<string, readonly JsonObject[]> {
  const texts = listOf(json, 'texts');
  const entries = new Map<string, readonly JsonObject[]>([
    ['input_ids', listOf(json, 'input_ids').map((ids, index) => ({ text: texts[index], ids }))],
    ['tensors', tensorNames.map((name) => ({ name }))],
  ]);
  for (const key of Object.keys(json)) if (!['meta', 'texts', 'max_length', 'input_ids'].includes(key)) entries.set(key, [objectOf(json, key)]);
  return entries;
}

export const minilmFormat: Format = { name: 'minilm', isFormat: (json) => 'input_ids' in json && 'norms' in json, families, entriesOf };
