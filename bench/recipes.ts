/**
 * `npm run bench -- recipes [--heads [--set mts|banking] [--only NAME,NAME] [--epsilons 0.5,1] [--seeds 5]] [--crossover]`: what each part of the private head's recipe brings, what candidates would bring, and from how many rows
 * on DP-SGD of LoRA is the better model. Heads need BEDSIDE_PYTHON, a Python that has PyTorch; results are kept in `bench/results/recipes.json`, and without options printed.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { preparedOnce, resultsOf, type Cell } from './accuracy.ts';
import { machineInWords } from './machine.ts';
import { runCrossover } from './recipes-crossover.ts';
import { writeRecipeFeatures } from './recipes-features.ts';
import type { SetName } from './public-sets.ts';
import { keepRecipes, readRecipes, type CrossoverRun, type HeadRun } from './recipes-store.ts';
import { printRecipes } from './recipes-table.ts';

const folder = join(import.meta.dirname, '..', '.cache', 'recipes');
const epsilons = [0.5, 1, 3, 8];
const setNames: readonly SetName[] = ['mts', 'banking'];

/** Runs the wanted variants, epsilons and seeds over the features, and keeps them beside those of before; the kept ones of the same name and seed are replaced. */
async function runHeads(preparedOf: ReturnType<typeof preparedOnce>, option: (name: string) => string | undefined): Promise<void> {
  const python = process.env['BEDSIDE_PYTHON'];
  if (python === undefined) throw new Error('Expected BEDSIDE_PYTHON to name a Python that has PyTorch and NumPy; found none.');
  const wanted = { names: option('--only')?.split(',') ?? null, epsilons: option('--epsilons')?.split(',').map(Number) ?? epsilons };
  rmSync(folder, { recursive: true, force: true });
  for (const name of setNames.filter((set) => (option('--set') ?? set) === set)) await writeRecipeFeatures(folder, name, await preparedOf(name), wanted);
  const lines = execFileSync(python, [join(import.meta.dirname, 'recipes_head.py'), folder, option('--seeds') ?? '5'], { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'inherit'] });
  const found: HeadRun[] = lines.trim().split('\n').map((line) => JSON.parse(line));
  const nameOf = ({ set, variant, epsilon, seed }: HeadRun) => [set, variant, epsilon, seed].join('/');
  const heads = new Map([...readRecipes().heads, ...found].map((run) => [nameOf(run), run]));
  keepRecipes({ heads: [...heads.values()], machine: machineInWords() });
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
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  if (args.includes('--heads')) await runHeads(preparedOf, option);
  if (args.includes('--crossover')) await runCrossover(await preparedOf('banking'));
  printRecipes(epsilons, await wholeRuns(preparedOf));
}
