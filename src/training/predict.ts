import type { Engine } from '../engine/engine.ts';
import { distributeRows, joinRows } from './distribute.ts';
import { centreRows, headLogits, joinLayers, softmaxRow } from './features.ts';
import { tokenBatch } from './row-batches.ts';
import type { TrainedModel } from './trained-model.ts';
import type { Trainer } from './trainer.ts';
import type { Tokenizer } from './units.ts';

export interface Prediction {
  readonly label: string;
  readonly confidence: number;
  /** Probability of every label, in label order. */
  readonly probabilities: readonly number[];
  readonly tokens: number;
  readonly cutTokens: number;
}

/** Logits of rows under a trained model: [rows, C]. The engine's own head is configured by a LoRA model. */
export async function modelLogits(engine: Engine, model: TrainedModel, rows: readonly Int32Array[]): Promise<Float32Array> {
  if (rows.length === 0) return new Float32Array(0);
  if (model.kind === 'lora') {
    engine.configure(model.adapter);
    engine.setParameters(model.theta);
    return engine.logits(tokenBatch(rows));
  }
  const features = joinLayers(await engine.encode(tokenBatch(rows), model.features.layers), rows.length, engine.shape.width, model.features);
  if (model.mean) centreRows(features, model.mean);
  return headLogits(features, rows.length, model.weights, model.labels.length, model.biasInput);
}

/** Logits of rows under a model, shared among trainers: [rows, C], in the order of `rows`. Takes the place of their held-out rows and adapters. */
export async function sharedLogits(trainers: readonly Trainer[], model: TrainedModel, rows: readonly Int32Array[]): Promise<Float32Array> {
  const shares = distributeRows(rows, trainers.length);
  if (model.kind === 'lora') {
    const parts = trainers.map(async (trainer, index) => {
      await trainer.configure(model.adapter);
      await trainer.assignHeldOut(shares[index]!);
      return trainer.scoreLora(model.theta);
    });
    return joinRows(await Promise.all(parts));
  }
  const features = joinRows(await Promise.all(trainers.map((trainer, index) => trainer.encode(shares[index]!, model.features))));
  if (model.mean) centreRows(features, model.mean);
  return headLogits(features, rows.length, model.weights, model.labels.length, model.biasInput);
}

/** Softmax of logits / temperature, row by row. Shapes: logits [rows, C]. */
export function probabilitiesOf(logits: Float32Array, classes: number, temperature = 1): number[][] {
  const scaled = logits.map((value) => value / temperature);
  const row = new Float64Array(classes);
  return Array.from({ length: logits.length / classes }, (_, index) => {
    softmaxRow(scaled, index, classes, row);
    return Array.from(row);
  });
}

/** Label and probabilities of each tokenized text. Shapes: logits [rows, C]. */
export function predictionsOf(logits: Float32Array, model: TrainedModel, rows: readonly { readonly ids: Int32Array; readonly cutTokens: number }[], temperature = 1): Prediction[] {
  return probabilitiesOf(logits, model.labels.length, temperature).map((probabilities, index) => {
    const confidence = Math.max(...probabilities);
    return { label: model.labels[probabilities.indexOf(confidence)]!, confidence, probabilities, tokens: rows[index]!.ids.length, cutTokens: rows[index]!.cutTokens };
  });
}

/**
 * Labels texts. `temperature` divides the logits; one fitted on private rows is for the owner's eyes.
 * Rows are computed a few at a time; `onDone` counts them and may pause the work.
 */
export async function predictTexts(
  engine: Engine,
  tokenizer: Tokenizer,
  model: TrainedModel,
  texts: readonly string[],
  options: { readonly temperature?: number; readonly onDone?: (done: number) => Promise<void> | void } = {},
): Promise<Prediction[]> {
  const predictions: Prediction[] = [];
  const rowsAtATime = 16;
  for (let start = 0; start < texts.length; start += rowsAtATime) {
    const rows = texts.slice(start, start + rowsAtATime).map((text) => tokenizer.encode(text, model.maximumLength));
    const logits = await modelLogits(engine, model, rows.map((row) => row.ids));
    predictions.push(...predictionsOf(logits, model, rows, options.temperature));
    await options.onDone?.(Math.min(texts.length, start + rowsAtATime));
  }
  return predictions;
}
