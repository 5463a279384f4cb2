import type { SetName } from './public-sets.ts';
import { readCrossover, readRecipes, type CrossoverRun, type HeadRun, type SearchRun } from './recipes-store.ts';

/** Quantile .975 of Student's t by the number of seeds. */
const studentQuantiles: Readonly<Record<number, number>> = { 5: 2.776, 10: 2.262, 20: 2.093 };
const setNames: readonly SetName[] = ['mts', 'banking'];

type Measure = 'accuracy' | 'macroF1' | 'worstTenth';
const measures: readonly (readonly [Measure, string])[] = [['accuracy', 'accuracy'], ['macroF1', 'macro-F1'], ['worstTenth', 'F1 of the worst tenth of the classes']];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean and half its 95 % interval over seeds, in points; the number of seeds where it is not 5. */
function inPoints(values: readonly number[]): string {
  if (values.length === 0) return 'not run';
  const centre = mean(values);
  const student = studentQuantiles[values.length];
  const half = student === undefined ? '' : ` ± ${(100 * student * Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1) / values.length)).toFixed(1)}`;
  return `${(100 * centre).toFixed(1)}${half}${values.length === 5 ? '' : ` (${values.length})`}`;
}

function printTable(title: string, variants: readonly string[], epsilons: readonly number[], cell: (variant: string, epsilon: number) => string): void {
  console.log(`\n${title}\n\n| variant | ${epsilons.map((epsilon) => `epsilon ${epsilon}`).join(' | ')} |\n| --- |${' --- |'.repeat(epsilons.length)}`);
  for (const variant of variants) console.log(`| ${variant} | ${epsilons.map((epsilon) => cell(variant, epsilon)).join(' | ')} |`);
}

function printHeads(heads: readonly HeadRun[], epsilons: readonly number[], set: SetName, measure: Measure, words: string): void {
  const runsOf = (variant: string, epsilon: number) => heads.filter((run) => run.set === set && run.variant === variant && run.epsilon === epsilon);
  const variants = [...new Set(heads.filter((run) => run.set === set).map(({ variant }) => variant))];
  printTable(`${set}: ${words}, points, mean of 5 seeds (another number is said) and half its 95 % interval`, variants, epsilons, (variant, epsilon) => inPoints(runsOf(variant, epsilon).map((run) => run[measure])));
  // Runs of one seed share their noise as far as they go the same way, so that a difference is known better than either.
  printTable(`${set}: ${words} less that of R by the same seed`, variants.filter((variant) => variant !== 'R'), epsilons, (variant, epsilon) => {
    const base = new Map(runsOf('R', epsilon).map((run) => [run.seed, run[measure]]));
    return inPoints(runsOf(variant, epsilon).flatMap((run) => (base.has(run.seed) ? [run[measure] - base.get(run.seed)!] : [])));
  });
}

/** All rows, whether texts that stand twice were counted once or twice, are one line. */
function sameRows(runs: readonly CrossoverRun[]): readonly CrossoverRun[] {
  const most = Math.max(...runs.map((run) => run.rows));
  return runs.map((run) => (run.rows > 0.999 * most ? { ...run, rows: most } : run));
}

function printCrossover(runs: readonly CrossoverRun[]): void {
  console.log('\nbanking77, some of its training rows, accuracy in points (runs)\n\n| epsilon | rows | recipe R | DP-SGD of LoRA | the same by Opacus and PEFT |\n| --- | --- | --- | --- | --- |');
  for (const epsilon of [...new Set(runs.map((run) => run.epsilon))].sort((a, b) => a - b)) {
    for (const rows of [...new Set(runs.map((run) => run.rows))].sort((a, b) => a - b)) {
      const of = (method: CrossoverRun['method']) => {
        const found = runs.filter((run) => run.method === method && run.rows === rows && run.epsilon === epsilon).map(({ accuracy }) => accuracy);
        return found.length === 0 ? 'not run' : `${(100 * mean(found)).toFixed(1)} (${found.length})`;
      };
      console.log(`| ${epsilon} | ${rows} | ${of('head')} | ${of('lora')} | ${of('opacus-lora')} |`);
    }
  }
}

function printSearches(searches: readonly SearchRun[]): void {
  console.log('\nRecipe R trained once, and the best of a search for the same epsilon, on 80 % of the training rows: accuracy and macro-F1 in points, and the search less the single run by the same split\n\n| set | epsilon | once | search | difference | macro-F1, difference |\n| --- | --- | --- | --- | --- | --- |');
  for (const set of setNames) {
    for (const epsilon of [...new Set(searches.filter((run) => run.set === set).map((run) => run.epsilon))].sort((a, b) => a - b)) {
      const of = (isSearch: boolean) => searches.filter((run) => run.set === set && run.epsilon === epsilon && run.isSearch === isSearch);
      const [once, found] = [new Map(of(false).map((run) => [run.seed, run])), of(true)];
      const difference = (measure: 'accuracy' | 'macroF1') => inPoints(found.flatMap((run) => (once.has(run.seed) ? [run[measure] - once.get(run.seed)![measure]] : [])));
      console.log(`| ${set} | ${epsilon} | ${inPoints([...once.values()].map(({ accuracy }) => accuracy))} | ${inPoints(found.map(({ accuracy }) => accuracy))} | ${difference('accuracy')} | ${difference('macroF1')} |`);
    }
  }
}

/** `whole` are runs on all rows that another bench has kept. */
export function printRecipes(epsilons: readonly number[], whole: readonly CrossoverRun[]): void {
  const { heads, searches } = readRecipes();
  for (const set of setNames) for (const [measure, words] of measures) printHeads(heads, epsilons, set, measure, words);
  printCrossover(sameRows([...readCrossover(), ...whole]));
  printSearches(searches);
}
