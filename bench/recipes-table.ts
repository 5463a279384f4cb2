import type { SetName } from './public-sets.ts';
import { readRecipes, type CrossoverRun, type HeadRun } from './recipes-store.ts';

/** Quantile .975 of Student's t with 4 degrees of freedom: of 5 seeds. */
const studentQuantile = 2.776;
const setNames: readonly SetName[] = ['mts', 'banking'];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean and half its 95 % interval over seeds, in points. */
function inPoints(values: readonly number[], seeds: number): string {
  if (values.length === 0) return 'not run';
  const centre = mean(values);
  if (values.length !== seeds) return `${(100 * centre).toFixed(1)} (${values.length})`;
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  return `${(100 * centre).toFixed(1)} ± ${(100 * studentQuantile * Math.sqrt(variance / values.length)).toFixed(1)}`;
}

function printHeads(heads: readonly HeadRun[], epsilons: readonly number[], seeds: number): void {
  const measures = [['accuracy', 'accuracy'], ['macroF1', 'macro-F1'], ['worstTenth', 'F1 of the worst tenth of the classes']] as const;
  for (const set of setNames) {
    for (const [measure, words] of measures) {
      console.log(`\n${set}: ${words}, points, mean of ${seeds} seeds and half its 95 % interval\n\n| variant | ${epsilons.map((epsilon) => `epsilon ${epsilon}`).join(' | ')} |\n| --- |${' --- |'.repeat(epsilons.length)}`);
      const variants = [...new Set(heads.filter((run) => run.set === set).map(({ variant }) => variant))];
      for (const variant of variants) {
        const cells = epsilons.map((epsilon) => inPoints(heads.filter((run) => run.set === set && run.variant === variant && run.epsilon === epsilon).map((run) => run[measure]), seeds));
        console.log(`| ${variant} | ${cells.join(' | ')} |`);
      }
    }
  }
}

function printCrossover(runs: readonly CrossoverRun[]): void {
  console.log('\nbanking77, some of its training rows, accuracy in points (runs)\n\n| epsilon | rows | recipe R | DP-SGD of LoRA |\n| --- | --- | --- | --- |');
  for (const epsilon of [...new Set(runs.map((run) => run.epsilon))].sort((a, b) => a - b)) {
    for (const rows of [...new Set(runs.map((run) => run.rows))].sort((a, b) => a - b)) {
      const of = (method: CrossoverRun['method']) => {
        const found = runs.filter((run) => run.method === method && run.rows === rows && run.epsilon === epsilon).map(({ accuracy }) => accuracy);
        return found.length === 0 ? 'not run' : `${(100 * mean(found)).toFixed(1)} (${found.length})`;
      };
      console.log(`| ${epsilon} | ${rows} | ${of('head')} | ${of('lora')} |`);
    }
  }
}

export function printRecipes(epsilons: readonly number[], seeds: number): void {
  const { heads, crossover } = readRecipes();
  printHeads(heads, epsilons, seeds);
  printCrossover(crossover);
}
