import { invariant } from '../ground/check.ts';
import type { Engine, ExampleGradients, TokenBatch } from './engine.ts';
import { goldenAdapterOf, goldenParameters } from './golden-batch.ts';
import { isJsonObject } from './model/json.ts';
import type { Tensors } from './model/tensor.ts';

/** Reference numbers of all-MiniLM-L6-v2 with int8 weights by PyTorch: `minilm.json` and its safetensors. */
export interface MiniLmGolden {
  readonly inputIds: readonly (readonly number[])[];
  /** [B], [B] and [B][C]. */
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly logits: readonly (readonly number[])[];
  readonly tensors: Tensors;
}

export interface GoldenCheck {
  readonly name: string;
  readonly entries: number;
  readonly worstError: number;
  readonly tolerance: number;
  readonly passed: boolean;
}

function numbers(value: unknown): number[] {
  invariant(Array.isArray(value) && value.every((item) => typeof item === 'number'), 'the golden file has a list of numbers');
  return value;
}

function numberRows(value: unknown): number[][] {
  invariant(Array.isArray(value), 'the golden file has a list of lists');
  return value.map(numbers);
}

function int8Of(json: Readonly<Record<string, unknown>>, key: string): unknown {
  const entry = json[key];
  invariant(isJsonObject(entry), `the golden file has ${key}`);
  return entry['int8'];
}

/** Reads a parsed `minilm.json` beside the tensors of `minilm_forward_and_lora.safetensors`. */
export function readMiniLmGolden(json: unknown, tensors: Tensors): MiniLmGolden {
  invariant(isJsonObject(json), 'the golden file is an object');
  return {
    inputIds: numberRows(json['input_ids']),
    losses: numbers(int8Of(json, 'loss')),
    norms: numbers(int8Of(json, 'norms')),
    logits: numberRows(int8Of(json, 'logits')),
    tensors,
  };
}

/** The adapter of the golden pass. */
export const goldenAdapter = goldenAdapterOf(6);

function norm(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! ** 2;
  return Math.sqrt(squares);
}

function worstAbsolute(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (found.length !== wanted.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const gap = Math.abs(found[i]! - wanted[i]!);
    worst = Number.isNaN(gap) ? Infinity : Math.max(worst, gap);
  }
  return worst;
}

function relativeL2(found: Float64Array, wanted: ArrayLike<number>): number {
  if (found.length !== wanted.length) return Infinity;
  return norm(found.map((value, i) => value - wanted[i]!)) / norm(wanted);
}

/** Sum over the rows of each gradient times min(1, clipNorm / its norm). Shapes: gradients [B, P], result [P]. */
function clippedSum(gradients: readonly Float32Array[], clipNorm: number): Float64Array {
  const sum = new Float64Array(gradients[0]!.length);
  for (const gradient of gradients) {
    const factor = Math.min(1, clipNorm / norm(gradient));
    for (let i = 0; i < sum.length; i++) sum[i]! += factor * gradient[i]!;
  }
  return sum;
}

function tokenBatch(rows: readonly (readonly number[])[]): TokenBatch {
  const offsets = [0];
  for (const row of rows) offsets.push(offsets.at(-1)! + row.length);
  return { ids: Int32Array.from(rows.flat()), offsets: Int32Array.from(offsets) };
}

/**
 * Holds an engine that has loaded all-MiniLM-L6-v2 to the golden numbers: every layer's pooled output, logits, losses,
 * gradient norms, and, where `rows` names all texts, the clipped sums. Configures the engine.
 * Tolerances are those of the golden file; it gives none for logits, which take that of the loss.
 */
export async function goldenAgreement(engine: Engine, golden: MiniLmGolden, rows: readonly number[] = [...golden.inputIds.keys()]): Promise<GoldenCheck[]> {
  const checks: GoldenCheck[] = [];
  const check = (name: string, entries: number, worstError: number, tolerance: number) => checks.push({ name, entries, worstError, tolerance, passed: worstError <= tolerance });
  const pick = <Value>(all: readonly Value[]) => rows.map((row) => all[row]!);
  const wantedTensor = (name: string) => {
    const tensor = golden.tensors.get(`int8.${name}`);
    invariant(tensor !== undefined, `the golden file has the tensor int8.${name}`);
    return tensor.values;
  };

  const { layers: L, width: D } = engine.shape;
  const batch = tokenBatch(pick(golden.inputIds));
  const layers = Array.from({ length: L + 1 }, (_, layer) => layer);
  const pooled = await engine.encode(batch, layers);
  for (const layer of layers) {
    const wanted = wantedTensor(`layer${layer}_pooled`);
    const errors = rows.map((row, b) => worstAbsolute(pooled.subarray((b * (L + 1) + layer) * D, (b * (L + 1) + layer + 1) * D), wanted.subarray(row * D, (row + 1) * D)));
    check(`int8.layer${layer}_pooled`, rows.length * D, Math.max(...errors), 2e-4);
  }

  const layout = engine.configure(goldenAdapter);
  engine.setParameters(goldenParameters(layout));
  const logits = await engine.logits(batch);
  check('logits.int8', logits.length, worstAbsolute(logits, pick(golden.logits).flat()), 5e-4);

  const { losses, gradients }: ExampleGradients = await engine.gradients(batch, Int32Array.from(rows, (row) => row % goldenAdapter.classes));
  const byRow = rows.map((_, b) => gradients.subarray(b * layout.length, (b + 1) * layout.length));
  check('loss.int8', losses.length, worstAbsolute(losses, pick(golden.losses)), 5e-4);
  const normErrors = pick(golden.norms).map((wanted, b) => worstAbsolute([norm(byRow[b]!) / wanted], [1]));
  check('norms.int8', normErrors.length, Math.max(...normErrors), 2e-3);

  const first = rows.indexOf(0);
  if (first >= 0) check('int8.lora.example0_grad', layout.length, relativeL2(Float64Array.from(byRow[first]!), wantedTensor('lora.example0_grad')), 2e-3);
  if (rows.length === golden.inputIds.length) {
    check('int8.lora.sum_clipped', layout.length, relativeL2(clippedSum(byRow, 1), wantedTensor('lora.sum_clipped')), 2e-3);
    check('int8.lora.sum_clipped4', layout.length, relativeL2(clippedSum(byRow, 4), wantedTensor('lora.sum_clipped4')), 2e-3);
  }
  return checks;
}
