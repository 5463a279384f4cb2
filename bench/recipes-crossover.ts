import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { defaultModelFolder } from '../src/cli/node-engine.ts';
import { mulberry32, shuffle } from '../src/ground/random.ts';
import { encodeRows } from '../src/training/encode-rows.ts';
import { classificationOf } from '../src/training/evaluate.ts';
import { labelStart, usualLabelScale } from '../src/training/full-batch-head.ts';
import type { DpSgdPlan } from '../src/training/plan.ts';
import { sharedLogits } from '../src/training/predict.ts';
import { planOfKind, type PlanFacts } from '../src/training/propose.ts';
import type { ChargePort } from '../src/training/session-input.ts';
import { trainOnce } from '../src/training/train-once.ts';
import type { TokenizedUnit } from '../src/training/trainer.ts';
import type { Prepared } from './accuracy.ts';
import { addCrossover, readCrossover, type CrossoverRun } from './recipes-store.ts';

const root = join(import.meta.dirname, '..');
/** The rows are public. */
const countsForNobody: ChargePort = { charge: () => Promise.resolve() };

type CrossoverCell = Pick<CrossoverRun, 'method' | 'rows' | 'epsilon' | 'seed'>;

/** What is asked for: everything that is absent is as usual. */
export interface CrossoverWish {
  readonly rows?: readonly number[];
  readonly epsilons?: readonly number[];
  readonly methods?: readonly CrossoverCell['method'][];
}

/** Cells on parts of the rows, cheap ones first: heads twice, adapters once. Adapters on all rows at epsilon 3 and heads on all rows are runs of `accuracy`. */
function crossoverCells(allRows: number, { rows = [1000, 3000], epsilons = [8, 3], methods = ['head', 'lora'] }: CrossoverWish = {}): readonly CrossoverCell[] {
  const of = (method: CrossoverCell['method'], seeds: readonly number[]) => (methods.includes(method) ? seeds.flatMap((seed) => epsilons.flatMap((epsilon) => rows.map((count): CrossoverCell => ({ method, rows: Math.min(count, allRows), epsilon, seed })))) : []);
  return [...of('head', [0, 1]), ...of('lora', [0]), ...of('opacus-lora', [0])];
}

/** `count` of the units, drawn by `seed`: files are often sorted by label. */
function someOf(units: readonly TokenizedUnit[], count: number, seed: number): TokenizedUnit[] {
  const order = shuffle(units.map((unit) => unit), mulberry32(seed + 1));
  return order.slice(0, count).map(({ rows }, unit) => ({ unit, rows }));
}

function factsOf(cell: CrossoverCell, units: number, { data, test, encoderLayers }: Prepared): PlanFacts {
  return {
    trainingUnits: units, trainingRows: units, heldOutUnits: test.length, heldOutRows: test.length, classes: data.labels.length, unit: 'row', encoderLayers,
    maximumLength: data.maximumLength, heldOutShare: 0, seed: cell.seed, epsilon: cell.epsilon, delta: 1 / (10 * units),
  };
}

function scored(logits: Float32Array, cell: CrossoverCell, { data, test }: Prepared): Pick<CrossoverRun, 'accuracy' | 'macroF1'> {
  const { classification } = classificationOf(logits, test.flatMap((unit) => unit.rows.map(({ label }) => label)), data.labels, cell.seed);
  return { accuracy: classification.accuracy.value ?? NaN, macroF1: classification.macroF1 };
}

async function runCell(cell: CrossoverCell, prepared: Prepared): Promise<CrossoverRun> {
  const { data, training, test, sentences, headTrainers, encoderTrainers } = prepared;
  const units = someOf(training, cell.rows, cell.seed);
  const plan = { ...planOfKind(cell.method === 'head' ? 'full-batch-head' : 'dp-sgd', factsOf(cell, units.length, prepared)), validationEpsilon: null };
  const started = performance.now();
  const workers = cell.method === 'lora' ? await encoderTrainers() : null;
  const trainers = workers?.trainers ?? headTrainers;
  try {
    // No held-out part: the test rows are many, and would be scored ten times on the way.
    const { outcome } = await trainOnce({ plan, labels: data.labels, training: units, heldOut: [], labelSentences: sentences, trainers, charges: countsForNobody, keys: createNodeKeyStream(), clock: () => performance.now() });
    const logits = await sharedLogits(trainers, outcome.model, test.flatMap((unit) => unit.rows.map(({ ids }) => ids)));
    return { set: 'banking', ...cell, delta: plan.delta, ...scored(logits, cell, prepared), seconds: (performance.now() - started) / 1000 };
  } finally {
    await workers?.close();
  }
}

/** The head that the engine's own run starts from, [C, D]: label sentences at their own mean length. */
async function sentenceHead({ sentences, headEngine }: Prepared): Promise<Float32Array> {
  const { layers, width } = headEngine.shape;
  const pooled = await encodeRows(headEngine, sentences, { layers: [layers], weights: [1], isUnitLength: false }, null, () => undefined);
  const start = labelStart(pooled, sentences.length, width, width, usualLabelScale);
  const lengths = sentences.map((_, c) => Math.hypot(...pooled.subarray(c * width, (c + 1) * width)));
  const meanLength = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  const head = new Float32Array(sentences.length * width);
  sentences.forEach((_, c) => head.set(start.subarray(c * (width + 1), c * (width + 1) + width).map((value) => value / meanLength), c * width));
  return head;
}

/** The same plan on the same rows by Opacus and PEFT. Of a text that stands twice, which is one unit here, Opacus is given one row: its unit is the row. */
async function runOpacusCell(cell: CrossoverCell, prepared: Prepared): Promise<CrossoverRun> {
  const python = process.env['BEDSIDE_PYTHON'];
  if (python === undefined) throw new Error('Expected BEDSIDE_PYTHON to name a Python that has PyTorch, Opacus, PEFT and transformers; found none.');
  const { data, training, test } = prepared;
  const rows = someOf(training, cell.rows, cell.seed).map((unit) => unit.rows[0]!);
  const plan: DpSgdPlan = planOfKind('dp-sgd', factsOf(cell, rows.length, prepared));
  const folder = join(root, '.cache', 'opacus-lora');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'run.json'), JSON.stringify({
    plan, seed: cell.seed, classes: data.labels.length, head: [...(await sentenceHead(prepared))],
    training: rows.map(({ ids }) => [...ids]), labels: rows.map(({ label }) => label), test: test.flatMap((unit) => unit.rows.map(({ ids }) => [...ids])),
  }));
  const line = execFileSync(python, [join(import.meta.dirname, 'opacus_lora.py'), defaultModelFolder, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const found: { readonly noiseMultiplier: number; readonly epsilonSpent: number; readonly seconds: number } = JSON.parse(line);
  const bytes = readFileSync(join(folder, 'logits.bin'));
  const logits = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return { set: 'banking', ...cell, delta: plan.delta, ...scored(logits, cell, prepared), seconds: found.seconds, noiseMultiplier: found.noiseMultiplier, epsilonSpent: found.epsilonSpent };
}

const isSame = (one: CrossoverCell, other: CrossoverCell) => one.method === other.method && one.rows === other.rows && one.epsilon === other.epsilon && one.seed === other.seed;

/** Recipe R and DP-SGD of LoRA on the same rows of banking77, by the app's own plans and engine. Runs that are kept are not repeated; one that is done is kept at once. */
export async function runCrossover(prepared: Prepared, wish: CrossoverWish): Promise<void> {
  for (const cell of crossoverCells(prepared.training.length, wish)) {
    if (readCrossover().some((kept) => isSame(kept, cell))) continue;
    const result = await (cell.method === 'opacus-lora' ? runOpacusCell : runCell)(cell, prepared);
    addCrossover(result);
    console.error(`${cell.method} ${cell.rows} rows epsilon ${cell.epsilon} seed ${cell.seed}: ${result.accuracy.toFixed(4)} in ${result.seconds.toFixed(0)} s`);
  }
}
