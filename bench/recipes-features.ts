import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultModelFolder, openNodeModel } from '../src/cli/node-engine.ts';
import { encodeRows } from '../src/training/encode-rows.ts';
import { gaussianMu } from '../src/privacy/gaussian.ts';
import { planOfKind } from '../src/training/propose.ts';
import type { Prepared } from './accuracy.ts';
import type { SetName } from './public-sets.ts';
import { recipeVariants } from './recipes-variants.ts';

/** What the encoder reads of a note: its beginning, that in longer windows, or several windows whose outputs are averaged. */
export type ViewName = 'one window' | 'two windows of 128' | 'four windows of 128' | 'one window of 256';

const layers = [6, 4, 3, 2];

/** Ids of a whole text, [CLS] and [SEP] included, cut into at most `count` windows of `length` with a frame each. */
function windowsOf(ids: Int32Array, length: number, count: number): Int32Array[] {
  const [first, last] = [ids[0]!, ids.at(-1)!];
  const inner = ids.subarray(1, ids.length - 1);
  const windows: Int32Array[] = [];
  for (let at = 0; windows.length < count && (at < inner.length || at === 0); at += length - 2) windows.push(Int32Array.of(first, ...inner.subarray(at, at + length - 2), last));
  return windows;
}

/** Writes FOLDER/<set>.json and the float32 files that it names, for `recipes_head.py`. Test rows follow training rows. Resolves with the names of all variants that this set has. */
export async function writeRecipeFeatures(folder: string, name: SetName, prepared: Prepared, wanted: { readonly names: readonly string[] | null; readonly epsilons: readonly number[] }): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const { data, training, test, sentences, headEngine, memory, encoderLayers } = prepared;
  const { width } = headEngine.shape;
  const rowsOf = (units: Prepared['training']) => units.flatMap(({ rows }) => rows);
  const rows = [...rowsOf(training), ...rowsOf(test)];
  const trainingRows = rowsOf(training).length;
  const pooledOf = (some: readonly Int32Array[], of: readonly number[]) => encodeRows(headEngine, some, { layers: of, weights: of.map(() => 1), isUnitLength: false }, null, () => undefined);
  const write = (file: string, values: Float32Array) => {
    writeFileSync(join(folder, file), Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    return file;
  };
  const views: { name: ViewName; file: string; layers: readonly number[] }[] = [{ name: 'one window', file: write(`${name}-one.bin`, await pooledOf(rows.map(({ ids }) => ids), layers)), layers }];
  const delta = 1 / (10 * trainingRows);
  const plan = planOfKind('full-batch-head', {
    trainingUnits: trainingRows, trainingRows, heldOutUnits: test.length, heldOutRows: test.length, classes: data.labels.length, unit: 'row', encoderLayers,
    maximumLength: data.maximumLength, heldOutShare: 0, seed: 0, epsilon: 1, delta,
  });
  if (name === 'mts') {
    const { tokenizer } = await openNodeModel(defaultModelFolder);
    // In the order of `rows`, which are grouped by text: whole texts are found by their beginnings, which the notes are cut to.
    const whole = new Map([...data.training, ...data.test].map(({ text }) => [tokenizer.encode(text, data.maximumLength).ids.join(), tokenizer.encode(text, 4096).ids]));
    const texts = rows.map(({ ids }) => whole.get(ids.join())!);
    for (const [view, count] of [['two windows of 128', 2], ['four windows of 128', 4]] as const) {
      const windows = texts.map((ids) => windowsOf(ids, 128, count));
      const pooled = await pooledOf(windows.flat(), plan.featureLayers);
      const each = plan.featureLayers.length * width;
      const means = new Float32Array(rows.length * each);
      let at = 0;
      windows.forEach((some, row) => {
        // Weighted by their tokens: a last window of a few words would else count as much as a whole one.
        const tokens = some.reduce((sum, ids) => sum + ids.length, 0);
        for (const { length } of some) {
          for (let i = 0; i < each; i++) means[row * each + i]! += (length / tokens) * pooled[at * each + i]!;
          at++;
        }
      });
      views.push({ name: view, file: write(`${name}-windows${count}.bin`, means), layers: plan.featureLayers });
    }
    const cut = texts.map((ids) => (ids.length <= 256 ? ids : Int32Array.of(...ids.subarray(0, 255), ids.at(-1)!)));
    views.push({ name: 'one window of 256', file: write(`${name}-long.bin`, await pooledOf(cut, plan.featureLayers)), layers: plan.featureLayers });
  }
  memory.save();
  const variants = recipeVariants(plan, views.map((view) => view.name));
  const facts = {
    trainingRows, classes: data.labels.length, width, labels: rows.map(({ label }) => label), mu: Object.fromEntries(wanted.epsilons.map((epsilon) => [String(epsilon), gaussianMu(epsilon, delta)])),
    sentences: write(`${name}-sentences.bin`, await pooledOf(sentences, [encoderLayers])), views, variants: variants.filter((variant) => wanted.names?.includes(variant.name) ?? true),
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(facts));
  return variants.map((variant) => variant.name);
}
