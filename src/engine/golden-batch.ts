/** A few rows of real text with what a model makes of them: they lie with the model, and the device that is to run it is held to them. */
import { invariant } from '../ground/check.ts';
import { isDeviceGone } from './device-gone.ts';
import type { Engine, TokenBatch } from './engine.ts';
import { goldenFile } from './model/manifest.ts';
import { missingTensorError } from './model/model-error.ts';
import type { Tensor, TensorSource } from './model/tensor.ts';
import type { AdapterConfig, ParameterLayout } from './parameters.ts';
import type { OperationCheck } from './self-check.ts';

/** Shortest rows, one of one word, and a sentence: 31 word pieces of all-MiniLM-L6-v2, whose answers PyTorch has given too. */
export const goldenTexts = ['Patient reports chest pain radiating to the left arm since this morning.', 'a', '?!', 'Follow-up in 6 weeks.'] as const;

/** What a model makes of the rows. Groups: the encoder's layers, then the head. */
export interface GoldenAnswers {
  /** Mean over a row's tokens of every layer's outputs, embeddings first: [B, L + 1, D]. */
  readonly pooled: Float32Array;
  /** Nats: [B]. */
  readonly losses: Float32Array;
  /** Length of each group's part of a row's gradient: [B, L + 1]. */
  readonly gradientNorms: Float32Array;
  /** Its product with a fixed direction of unit length, `goldenDirection`: [B, L + 1]. */
  readonly gradientProducts: Float32Array;
}

export interface GoldenBatch {
  readonly input: TokenBatch;
  readonly labels: Int32Array;
  readonly answers: GoldenAnswers;
}

const classes = 4;

/** LoRA on query and value of every layer, and a head of four labels. */
export function goldenAdapterOf(layers: number): AdapterConfig {
  return { classes, lora: { rank: 8, alpha: 16, targets: ['query', 'value'], layers: Array.from({ length: layers }, (_, layer) => layer) } };
}

/** Tensor number s of the layout holds sin(0.7310585786 i + 1.618033988 s) times the scale of its kind. */
export function goldenParameters(layout: ParameterLayout): Float32Array {
  const theta = new Float32Array(layout.length);
  for (const [s, { name, offset, length }] of layout.entries.entries()) {
    const scale = name.endsWith('lora_A.weight') ? 0.05 : name.endsWith('lora_B.weight') ? 0.02 : 0.1;
    for (let i = 0; i < length; i++) theta[offset + i] = Math.sin(i * 0.7310585786 + s * 1.618033988) * scale;
  }
  return theta;
}

/** Places of theta that belong to each group, as ranges: layers, then head. */
function groupsOf({ entries }: ParameterLayout, layers: number): { readonly start: number; readonly end: number }[] {
  const rangeOf = (prefix: string) => {
    const own = entries.filter(({ name }) => name.startsWith(prefix));
    return { start: Math.min(...own.map(({ offset }) => offset)), end: Math.max(...own.map(({ offset, length }) => offset + length)) };
  };
  return [...Array.from({ length: layers }, (_, layer) => rangeOf(`encoder.layer.${layer}.`)), rangeOf('classifier.')];
}

/** A direction of unit length: sin(0.7310585786 i + 1) over i, scaled. */
export function goldenDirection(length: number): Float64Array {
  const direction = Float64Array.from({ length }, (_, i) => Math.sin(i * 0.7310585786 + 1));
  const norm = Math.sqrt(direction.reduce((squares, value) => squares + value ** 2, 0));
  return direction.map((value) => value / norm);
}

/** Length of a part of a gradient, and its product with a direction. */
export function normAndProduct(part: Float32Array, direction: Float64Array): { readonly norm: number; readonly product: number } {
  let [squares, product] = [0, 0];
  for (let i = 0; i < part.length; i++) {
    squares += part[i]! ** 2;
    product += part[i]! * direction[i]!;
  }
  return { norm: Math.sqrt(squares), product };
}

/** What `engine` makes of the rows. Configures it. */
async function answersOf(engine: Engine, input: TokenBatch, labels: Int32Array): Promise<GoldenAnswers> {
  const { layers: L } = engine.shape;
  const pooled = await engine.encode(input, Array.from({ length: L + 1 }, (_, layer) => layer));
  const layout = engine.configure(goldenAdapterOf(L));
  engine.setParameters(goldenParameters(layout));
  const { losses, gradients } = await engine.gradients(input, labels);
  const groups = groupsOf(layout, L);
  const directions = new Map(groups.map(({ start, end }) => [end - start, goldenDirection(end - start)]));
  const measured = Array.from(labels, (_, row) => groups.map(({ start, end }) => normAndProduct(gradients.subarray(row * layout.length + start, row * layout.length + end), directions.get(end - start)!))).flat();
  return { pooled, losses, gradientNorms: Float32Array.from(measured, ({ norm }) => norm), gradientProducts: Float32Array.from(measured, ({ product }) => product) };
}

/** The batch of a model whose tokenizer makes these rows of `goldenTexts`, with the answers of `engine`: the reference, which is the definition. */
export async function makeGoldenBatch(engine: Engine, rows: readonly Int32Array[]): Promise<GoldenBatch> {
  const offsets = new Int32Array(rows.length + 1);
  for (const [row, ids] of rows.entries()) offsets[row + 1] = offsets[row]! + ids.length;
  const input = { ids: Int32Array.from(rows.flatMap((ids) => [...ids])), offsets };
  const labels = Int32Array.from(rows, (_, row) => row % classes);
  return { input, labels, answers: await answersOf(engine, input, labels) };
}

/** As it lies in `golden.safetensors`: whole numbers as float32, which holds them up to 2^24. */
export function goldenTensors({ input, labels, answers }: GoldenBatch): Map<string, Tensor> {
  const B = labels.length;
  const groups = answers.gradientNorms.length / B;
  const vector = (values: Int32Array): Tensor => ({ shape: [values.length], values: Float32Array.from(values) });
  return new Map<string, Tensor>([
    ['ids', vector(input.ids)], ['offsets', vector(input.offsets)], ['labels', vector(labels)],
    ['pooled', { shape: [B, groups, answers.pooled.length / B / groups], values: answers.pooled }],
    ['losses', { shape: [B], values: answers.losses }],
    ['gradient_norms', { shape: [B, groups], values: answers.gradientNorms }],
    ['gradient_products', { shape: [B, groups], values: answers.gradientProducts }],
  ]);
}

/** Throws: `model/missing-tensor`. */
export function readGoldenBatch(tensors: TensorSource): GoldenBatch {
  const floats = (name: string): Float32Array => {
    const values = tensors.get(name)?.values;
    if (!(values instanceof Float32Array)) throw missingTensorError(`${name} of ${goldenFile}`);
    return values;
  };
  const integers = (name: string) => Int32Array.from(floats(name));
  return {
    input: { ids: integers('ids'), offsets: integers('offsets') },
    labels: integers('labels'),
    answers: { pooled: floats('pooled'), losses: floats('losses'), gradientNorms: floats('gradient_norms'), gradientProducts: floats('gradient_products') },
  };
}

/** Names of the checks, in the order in which they are made. */
export const goldenChecks = ['goldenOutputs', 'goldenLosses', 'goldenGradients'] as const;
type GoldenCheckName = (typeof goldenChecks)[number];

/** Of a gradient's length: what the PyTorch file allows. */
export const goldenGradientTolerance = 2e-3;

/**
 * Outputs may come from inputs rounded to 15 bits, which are some 4e-4 of the largest off; losses and gradients never do. Theirs are
 * the bounds of the PyTorch file: a loss by 5e-4, a gradient by 2e-3 of its length. WebAssembly and WebGPU keep a hundredth of them.
 */
const tolerances: Readonly<Record<GoldenCheckName, number>> = { goldenOutputs: 1e-3, goldenLosses: 5e-4, goldenGradients: goldenGradientTolerance };

/** NaN is as far off as can be. */
const gapOf = (found: number | undefined, wanted: number) => {
  const gap = Math.abs((found ?? NaN) - wanted);
  return Number.isNaN(gap) ? Infinity : gap;
};

/** The worst of some errors by layer, and which layer the eye should go to: the first that is off in the order of the computation. */
function verdict(operation: GoldenCheckName, engine: Engine, byLayer: readonly { readonly layer: number | null; readonly error: number }[]): OperationCheck {
  const tolerance = tolerances[operation];
  const worstError = byLayer.reduce((worst, { error }) => Math.max(worst, error), 0);
  const off = byLayer.find(({ error }) => !(error <= tolerance));
  return { operation, backend: engine.backend, passed: off === undefined, worstError, tolerance, ...(off && off.layer !== null ? { layer: off.layer } : {}) };
}

/**
 * Holds an engine to a model's golden batch: outputs of every layer, losses, and gradients by layer. Leaves it configured with a bare head: memory that was planned
 * for these calls would else be planned anew, and held, with whatever is asked next.
 * One of outputs or gradients that fails names the first layer that is off: 0 the embeddings, 1 to L the encoder's, L + 1 the head.
 * Edge cases: an engine that throws, or has another shape than the batch, fails every check.
 * Throws: the device's own error where it is gone (`isDeviceGone`), which is no verdict on the engine.
 */
export async function checkGoldenBatch(engine: Engine, { input, labels, answers: wanted }: GoldenBatch): Promise<OperationCheck[]> {
  const { layers: L, width: D } = engine.shape;
  let found: GoldenAnswers;
  try {
    invariant(wanted.pooled.length === labels.length * (L + 1) * D, 'the golden batch is of this model');
    found = await answersOf(engine, input, labels);
    engine.configure({ classes, lora: null });
  } catch (error) {
    if (isDeviceGone(error)) throw error;
    return goldenChecks.map((operation) => ({ operation, backend: engine.backend, passed: false, worstError: Infinity, tolerance: tolerances[operation] }));
  }
  const rows = Array.from(labels.keys());
  const outputs = Array.from({ length: L + 1 }, (_, layer) => {
    let [largest, worst] = [0, 0];
    for (const row of rows) {
      const at = (row * (L + 1) + layer) * D;
      for (let i = at; i < at + D; i++) {
        largest = Math.max(largest, Math.abs(wanted.pooled[i]!));
        worst = Math.max(worst, gapOf(found.pooled[i], wanted.pooled[i]!));
      }
    }
    return { layer, error: worst / (largest || 1) };
  });
  const losses = rows.map((row) => ({ layer: null, error: gapOf(found.losses[row], wanted.losses[row]!) }));
  // Gradients come from the head down.
  const gradients = Array.from({ length: L + 1 }, (_, fromTop) => {
    const group = L - fromTop;
    const error = rows.reduce((worst, row) => {
      const at = row * (L + 1) + group;
      const length = wanted.gradientNorms[at]! || 1;
      return Math.max(worst, gapOf(found.gradientNorms[at], wanted.gradientNorms[at]!) / length, gapOf(found.gradientProducts[at], wanted.gradientProducts[at]!) / length);
    }, 0);
    return { layer: group + 1, error };
  });
  return [verdict('goldenOutputs', engine, outputs), verdict('goldenLosses', engine, losses), verdict('goldenGradients', engine, gradients)];
}
