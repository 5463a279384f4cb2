import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { mulberry32, shuffle } from '../src/ground/random.ts';
import { classificationOf } from '../src/training/evaluate.ts';
import type { FullBatchHeadPlan } from '../src/training/plan.ts';
import { sharedLogits } from '../src/training/predict.ts';
import { planOfKind, type PlanFacts } from '../src/training/propose.ts';
import { defaultSearch } from '../src/training/search-candidates.ts';
import type { ChargePort } from '../src/training/session-input.ts';
import { trainOnce } from '../src/training/train-once.ts';
import type { Prepared } from './accuracy.ts';
import type { SetName } from './public-sets.ts';
import { keepRecipes, readRecipes, type SearchRun } from './recipes-store.ts';

/** The rows are public. */
const countsForNobody: ChargePort = { charge: () => Promise.resolve() };
/** As the app deals: the search scores its runs on rows that nobody trains on. */
const heldOutShare = 0.2;

type SearchCell = Pick<SearchRun, 'set' | 'epsilon' | 'seed' | 'isSearch'>;

/** Each search beside one run of the plan's own settings with the same rows, split and epsilon. */
export function searchCells(set: SetName, epsilons: readonly number[], seeds: number): readonly SearchCell[] {
  return epsilons.flatMap((epsilon) => Array.from({ length: seeds }, (_, seed) => [false, true].map((isSearch) => ({ set, epsilon, seed, isSearch })))).flat();
}

async function runCell(cell: SearchCell, { data, training, test, sentences, headTrainers, encoderLayers }: Prepared): Promise<SearchRun> {
  const order = shuffle(training.map((unit) => unit), mulberry32(cell.seed + 1));
  const heldOutCount = Math.round(heldOutShare * order.length);
  const [heldOut, kept] = [order.slice(0, heldOutCount), order.slice(heldOutCount)].map((units) => units.map(({ rows }, unit) => ({ unit, rows })));
  const facts: PlanFacts = {
    trainingUnits: kept!.length, trainingRows: kept!.length, heldOutUnits: heldOut!.length, heldOutRows: heldOut!.length, classes: data.labels.length, unit: 'row', encoderLayers,
    maximumLength: data.maximumLength, heldOutShare, seed: cell.seed, epsilon: cell.epsilon, delta: 1 / (10 * training.length),
  };
  const plan = planOfKind('full-batch-head', facts);
  if (plan.kind !== 'full-batch-head') throw new Error(`Expected the plan of a private head; found ${plan.kind}.`);
  const asked: FullBatchHeadPlan = { ...plan, validationEpsilon: null, search: cell.isSearch ? defaultSearch : null };
  const started = performance.now();
  const { outcome } = await trainOnce({ plan: asked, labels: data.labels, training: kept!, heldOut: heldOut!, labelSentences: sentences, trainers: headTrainers, charges: countsForNobody, keys: createNodeKeyStream(), clock: () => performance.now() });
  const rows = test.flatMap((unit) => unit.rows);
  const logits = await sharedLogits(headTrainers, outcome.model, rows.map(({ ids }) => ids));
  const { classification } = classificationOf(logits, rows.map(({ label }) => label), data.labels, cell.seed);
  return { ...cell, accuracy: classification.accuracy.value ?? NaN, macroF1: classification.macroF1, seconds: (performance.now() - started) / 1000 };
}

const isSame = (one: SearchCell, other: SearchCell) => one.set === other.set && one.epsilon === other.epsilon && one.seed === other.seed && one.isSearch === other.isSearch;

/** Runs that are kept are not repeated; one that is done is kept at once. */
export async function runSearches(cells: readonly SearchCell[], preparedOf: (set: SetName) => Promise<Prepared>): Promise<void> {
  for (const cell of cells) {
    if (readRecipes().searches.some((kept) => isSame(kept, cell))) continue;
    const result = await runCell(cell, await preparedOf(cell.set));
    keepRecipes({ searches: [...readRecipes().searches, result] });
    console.error(`${cell.set}, epsilon ${cell.epsilon}, seed ${cell.seed}, ${cell.isSearch ? 'search' : 'once'}: ${result.accuracy.toFixed(4)} in ${result.seconds.toFixed(0)} s`);
  }
}
