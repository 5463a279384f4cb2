/**
 * `npm run bench -- recipes [--heads [--set mts|banking] [--only NAME]... [--epsilons 0.5,1] [--seeds 5]] [--crossover [--rows 2500,5000] [--epsilons 3] [--method head|lora|opacus-lora]] [--search [--set mts|banking] [--epsilons 1,3] [--seeds 5]]`: what each part of the private head's recipe brings, what candidates would bring, and from how many rows
 * on DP-SGD of LoRA is the better model. Heads and `opacus-lora` need BEDSIDE_PYTHON, a Python that has PyTorch, the latter also Opacus, PEFT and transformers; results are kept in `bench/results/recipes.json` and `crossover.json`, and without options printed.
 * `--only` takes one name and may be repeated: names have commas in them.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { preparedOnce, resultsOf, type Cell } from './accuracy.ts';
import { machineInWords } from './machine.ts';
import { runCrossover, type CrossoverWish } from './recipes-crossover.ts';
import { writeRecipeFeatures } from './recipes-features.ts';
import type { SetName } from './public-sets.ts';
import { runSearches, searchCells } from './recipes-search.ts';
import { crossoverMethods, keepRecipes, readRecipes, type CrossoverRun, type HeadRun } from './recipes-store.ts';
import { printRecipes } from './recipes-table.ts';

const folder = join(import.meta.dirname, '..', '.cache', 'recipes');
const epsilons = [0.5, 1, 3, 8];
/** Of the training part; the scores that the search chooses by cost the held-out part an epsilon of their own. */
const searchEpsilons = [1, 3, 8];
const setNames: readonly SetName[] = ['mts', 'banking'];

/** Runs the wanted variants, epsilons and seeds over the features, and keeps them beside those of before; the kept ones of the same name and seed are replaced. */
async function runHeads(preparedOf: ReturnType<typeof preparedOnce>, option: (name: string) => string | undefined, only: readonly string[]): Promise<void> {
  const python = process.env['BEDSIDE_PYTHON'];
  if (python === undefined) throw new Error('Expected BEDSIDE_PYTHON to name a Python that has PyTorch and NumPy; found none.');
  const wanted = { names: only.length > 0 ? only : null, epsilons: option('--epsilons')?.split(',').map(Number) ?? epsilons };
  rmSync(folder, { recursive: true, force: true });
  const known = new Set<string>();
  for (const name of setNames.filter((set) => (option('--set') ?? set) === set)) for (const variant of await writeRecipeFeatures(folder, name, await preparedOf(name), wanted)) known.add(variant);
  const unknown = only.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`Expected names of variants after --only, some of ${[...known].map((name) => `"${name}"`).join(', ')}; found ${unknown.map((name) => `"${name}"`).join(', ')}.`);
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
  return kept.flatMap(({ set, method, epsilon, seed, delta, accuracy, macroF1, seconds }) => (epsilon === null || delta === null || method === 'layers' ? [] : [{ set, method, rows, epsilon, seed, delta, accuracy, macroF1, seconds }]));
}

/** Every value of an option that may be repeated. */
function valuesOf(args: readonly string[], name: string): readonly string[] {
  return args.flatMap((arg, at) => (arg === name ? (args[at + 1] ?? []) : []));
}

function crossoverWish(option: (name: string) => string | undefined): CrossoverWish {
  const numbers = (name: string) => option(name)?.split(',').map(Number);
  const [rows, asked, method] = [numbers('--rows'), numbers('--epsilons'), option('--method')];
  const methods = crossoverMethods.filter((one) => one === method);
  if (method !== undefined && methods.length === 0) throw new Error(`Expected --method ${crossoverMethods.join(', ')}; found ${method}.`);
  return { ...(rows ? { rows } : {}), ...(asked ? { epsilons: asked } : {}), ...(method ? { methods } : {}) };
}

export async function run(args: readonly string[]): Promise<void> {
  const preparedOf = preparedOnce();
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  if (args.includes('--heads')) await runHeads(preparedOf, option, valuesOf(args, '--only'));
  if (args.includes('--crossover')) await runCrossover(await preparedOf('banking'), crossoverWish(option));
  if (args.includes('--search')) {
    const asked = option('--epsilons')?.split(',').map(Number) ?? searchEpsilons;
    await runSearches(setNames.filter((set) => (option('--set') ?? set) === set).flatMap((set) => searchCells(set, asked, Number(option('--seeds') ?? 5))), preparedOf);
  }
  printRecipes(epsilons, await wholeRuns(preparedOf));
}
