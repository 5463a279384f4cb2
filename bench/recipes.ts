/**
 * `npm run bench -- recipes [--heads] [--crossover] [--print]`: what each part of the private head's recipe brings, what candidates would bring, and from how many rows
 * on DP-SGD of LoRA is the better model. Heads need BEDSIDE_PYTHON, a Python that has PyTorch; results are kept in `bench/results/recipes.json`, and without options printed.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { preparedOnce, resultsOf, type Cell } from './accuracy.ts';
import { machineInWords } from './machine.ts';
import { runCrossover } from './recipes-crossover.ts';
import { writeRecipeFeatures } from './recipes-features.ts';
import { keepRecipes, type CrossoverRun, type HeadRun } from './recipes-store.ts';
import { printRecipes } from './recipes-table.ts';

const folder = join(import.meta.dirname, '..', '.cache', 'recipes');
const epsilons = [0.5, 1, 3, 8];
const seeds = 5;

async function runHeads(preparedOf: ReturnType<typeof preparedOnce>): Promise<void> {
  const python = process.env['BEDSIDE_PYTHON'];
  if (python === undefined) throw new Error('Expected BEDSIDE_PYTHON to name a Python that has PyTorch and NumPy; found none.');
  for (const name of ['mts', 'banking'] as const) await writeRecipeFeatures(folder, name, await preparedOf(name), epsilons);
  const lines = execFileSync(python, [join(import.meta.dirname, 'recipes_head.py'), folder, String(seeds)], { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'inherit'] });
  const heads: HeadRun[] = lines.trim().split('\n').map((line) => JSON.parse(line));
  keepRecipes({ heads, machine: machineInWords() });
}

/** Runs on all rows of banking77 that `accuracy` and `private-accuracy` have kept. */
async function wholeRuns(preparedOf: ReturnType<typeof preparedOnce>): Promise<CrossoverRun[]> {
  const cells = [3, 8].flatMap((epsilon) => [0, 1, 2, 3, 4].flatMap((seed) => (['head', 'lora'] as const).map((method): Cell => ({ set: 'banking', method, epsilon, seed }))));
  const kept = await resultsOf(cells, preparedOf, false);
  // Later ones counted texts, of which four stand twice.
  const rows = Math.max(0, ...kept.map(({ trainingRows }) => trainingRows));
  return kept.flatMap(({ set, method, epsilon, seed, delta, accuracy, macroF1, seconds }) => (epsilon === null || delta === null ? [] : [{ set, method, rows, epsilon, seed, delta, accuracy, macroF1, seconds }]));
}

export async function run(args: readonly string[]): Promise<void> {
  const preparedOf = preparedOnce();
  if (args.includes('--heads')) await runHeads(preparedOf);
  if (args.includes('--crossover')) await runCrossover(await preparedOf('banking'));
  printRecipes(epsilons, seeds, await wholeRuns(preparedOf));
}
