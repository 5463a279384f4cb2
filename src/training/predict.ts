import type { Engine } from '../engine/engine.ts';
import { centreRows, headLogits, joinLayers, softmaxRow } from './features.ts';
import { tokenBatch } from './row-batches.ts';
import type { TrainedModel } from './trained-model.ts';
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

/** Softmax of logits / temperature, row by row. Shapes: logits [rows, C]. */
export function probabilitiesOf(logits: Float32Array, classes: number, temperature = 1): number[][] {
  const scaled = logits.map((value) => value / temperature);
  const row = new Float64Array(classes);
  return Array.from({ length: logits.length / classes }, (_, index) => {
    softmaxRow(scaled, index, classes, row);
    return Array.from(row);
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
  const classes = model.labels.length;
  const predictions: Prediction[] = [];
  const rowsAtATime = 16;
  for (let start = 0; start < texts.length; start += rowsAtATime) {
    const rows = texts.slice(start, start + rowsAtATime).map((text) => tokenizer.encode(text, model.maximumLength));
    const logits = await modelLogits(engine, model, rows.map((row) => row.ids));
    probabilitiesOf(logits, classes, options.temperature).forEach((probabilities, index) => {
      const confidence = Math.max(...probabilities);
      predictions.push({ label: model.labels[probabilities.indexOf(confidence)]!, confidence, probabilities, tokens: rows[index]!.ids.length, cutTokens: rows[index]!.cutTokens });
    });
    await options.onDone?.(Math.min(texts.length, start + rowsAtATime));
  }
  return predictions;
}
