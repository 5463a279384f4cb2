import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { mulberry32, shuffle } from '../src/ground/random.ts';
import { classificationOf } from '../src/training/evaluate.ts';
import { sharedLogits } from '../src/training/predict.ts';
import { planOfKind, type PlanFacts } from '../src/training/propose.ts';
import type { ChargePort } from '../src/training/session-input.ts';
import { trainOnce } from '../src/training/train-once.ts';
import type { TokenizedUnit } from '../src/training/trainer.ts';
import type { Prepared } from './accuracy.ts';
import { keepRecipes, readRecipes, type CrossoverRun } from './recipes-store.ts';

/** The rows are public. */
const countsForNobody: ChargePort = { charge: () => Promise.resolve() };

export type CrossoverCell = Pick<CrossoverRun, 'method' | 'rows' | 'epsilon' | 'seed'>;

/** Cells on parts of the rows, cheap ones first; adapters on all rows at epsilon 3 and heads on all rows are runs of `accuracy`. */
export function crossoverCells(allRows: number): readonly CrossoverCell[] {
  const at = (method: CrossoverCell['method'], rows: number, epsilon: number, seed: number): CrossoverCell => ({ method, rows: Math.min(rows, allRows), epsilon, seed });
  const heads = [0, 1].flatMap((seed) => [8, 3].flatMap((epsilon) => [1000, 3000].map((rows) => at('head', rows, epsilon, seed))));
  const adapters = [at('lora', allRows, 8, 0), ...[8, 3].flatMap((epsilon) => [3000, 1000].map((rows) => at('lora', rows, epsilon, 0)))];
  return [...heads, ...adapters];
}

/** `count` of the units, drawn by `seed`: files are often sorted by label. */
function someOf(units: readonly TokenizedUnit[], count: number, seed: number): TokenizedUnit[] {
  const order = shuffle(units.map((unit) => unit), mulberry32(seed + 1));
  return order.slice(0, count).map(({ rows }, unit) => ({ unit, rows }));
}

async function runCell(cell: CrossoverCell, { data, training, test, sentences, headTrainers, encoderLayers, loraTrainers }: Prepared): Promise<CrossoverRun> {
  const units = someOf(training, cell.rows, cell.seed);
  const facts: PlanFacts = {
    trainingUnits: units.length, trainingRows: units.length, heldOutUnits: test.length, heldOutRows: test.length, classes: data.labels.length, unit: 'row', encoderLayers,
    maximumLength: data.maximumLength, heldOutShare: 0, seed: cell.seed, epsilon: cell.epsilon, delta: 1 / (10 * units.length),
  };
  const plan = { ...planOfKind(cell.method === 'head' ? 'full-batch-head' : 'dp-sgd', facts), validationEpsilon: null };
  const started = performance.now();
  const workers = cell.method === 'lora' ? await loraTrainers() : null;
  const trainers = workers?.trainers ?? headTrainers;
  try {
    // No held-out part: the test rows are many, and would be scored ten times on the way.
    const { outcome } = await trainOnce({ plan, labels: data.labels, training: units, heldOut: [], labelSentences: sentences, trainers, charges: countsForNobody, keys: createNodeKeyStream(), clock: () => performance.now() });
    const rows = test.flatMap((unit) => unit.rows);
    const logits = await sharedLogits(trainers, outcome.model, rows.map(({ ids }) => ids));
    const { classification } = classificationOf(logits, rows.map(({ label }) => label), data.labels, cell.seed);
    return { set: 'banking', ...cell, delta: plan.delta, accuracy: classification.accuracy.value ?? NaN, macroF1: classification.macroF1, seconds: (performance.now() - started) / 1000 };
  } finally {
    await workers?.close();
  }
}

const isSame = (one: CrossoverCell, other: CrossoverCell) => one.method === other.method && one.rows === other.rows && one.epsilon === other.epsilon && one.seed === other.seed;

/** Recipe R and DP-SGD of LoRA on the same rows of banking77, by the app's own plans and engine. Runs that are kept are not repeated; one that is done is kept at once. */
export async function runCrossover(prepared: Prepared): Promise<void> {
  for (const cell of crossoverCells(prepared.training.length)) {
    if (readRecipes().crossover.some((kept) => isSame(kept, cell))) continue;
    const result = await runCell(cell, prepared);
    keepRecipes({ crossover: [...readRecipes().crossover, result] });
    console.error(`${cell.method} ${cell.rows} rows epsilon ${cell.epsilon} seed ${cell.seed}: ${result.accuracy.toFixed(4)} in ${result.seconds.toFixed(0)} s`);
  }
}
