import { join } from 'node:path';
import { defaultModelFolder, openHeadProducts, openNodeModel, type NodeModel } from '../src/cli/node-engine.ts';
import { encodeRows } from '../src/training/encode-rows.ts';
import { classificationOf } from '../src/training/evaluate.ts';
import { centreRows, headLogits } from '../src/training/features.ts';
import { createTrainer } from '../src/training/in-process-trainer.ts';
import { rememberPooled } from '../src/training/remembered-engine.ts';
import type { TrainedHead } from '../src/training/trained-model.ts';
import type { TokenizedUnit, Trainer } from '../src/training/trainer.ts';
import { groupUnits, tokenizeNotes } from '../src/training/units.ts';
import { PooledFile } from './pooled-file.ts';
import { publicSets, type SetName } from './public-sets.ts';

export interface Scores {
  readonly accuracy: number;
  readonly macroF1: number;
}

/** A public set whose features are in memory: what every client, and every trainer alone, has in common. */
export interface FederationSet {
  readonly name: SetName;
  readonly labels: readonly string[];
  readonly sentences: readonly string[];
  readonly sentenceIds: readonly Int32Array[];
  readonly maximumLength: number;
  readonly shape: NodeModel['engine']['shape'];
  readonly training: readonly TokenizedUnit[];
  readonly testRows: number;
  /** Over remembered outputs, and one set of products for all: a participant has no more memory than its rows. */
  openTrainer(): Trainer;
  /** On the common test part. */
  score(head: Pick<TrainedHead, 'features' | 'mean' | 'biasInput' | 'weights'>): Promise<Scores>;
}

export async function openFederationSet(name: SetName): Promise<FederationSet> {
  const data = await publicSets[name]();
  const { engine, tokenizer } = await openNodeModel(defaultModelFolder);
  const memory = PooledFile.open(join(import.meta.dirname, '..', '.cache', `pooled-${name}.bin`), engine.shape.width);
  const remembering = rememberPooled(engine, memory);
  const units = async (notes: typeof data.training) => groupUnits(await tokenizeNotes(notes, tokenizer, data.maximumLength), data.labels, 'row').units;
  const test = (await units(data.test)).flatMap(({ rows }) => rows);
  const sentences = data.labels.map((label) => data.sentences[label] ?? label);
  const training = await units(data.training);
  // Read once and kept on disk, so that no client waits for the encoder.
  const settings = { layers: [engine.shape.layers, Math.floor(engine.shape.layers / 2)], weights: [0.5, 0.5], isUnitLength: true };
  await encodeRows(remembering, [...training.flatMap(({ rows }) => rows), ...test].map(({ ids }) => ids), settings, null, () => true);
  memory.save();
  const products = await openHeadProducts();
  return {
    name, labels: data.labels, sentences, maximumLength: data.maximumLength, shape: engine.shape, training, testRows: test.length,
    openTrainer: () => createTrainer(remembering, { openHeadProducts: () => Promise.resolve(products) }),
    sentenceIds: sentences.map((sentence) => tokenizer.encode(sentence, data.maximumLength).ids),
    async score({ features, mean, biasInput, weights }) {
      const inputs = await encodeRows(remembering, test.map(({ ids }) => ids), features, null, () => true);
      if (mean !== null) centreRows(inputs, mean);
      const logits = headLogits(inputs, test.length, weights, data.labels.length, biasInput);
      const { classification } = classificationOf(logits, test.map(({ label }) => label), data.labels, 0);
      return { accuracy: classification.accuracy.value ?? NaN, macroF1: classification.macroF1 };
    },
  };
}
