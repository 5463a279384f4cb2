import { gaussianMu } from '../src/privacy/gaussian.ts';
import { pooledSignal } from '../src/training/federated-rate.ts';
import type { FederationResults } from './federation.ts';
import { delta, type FederatedResult } from './federation-run.ts';
import type { Scores } from './federation-set.ts';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const inWords = (scores: readonly Scores[]) => (scores.length === 0 ? 'not run' : `${mean(scores.map(({ accuracy }) => accuracy)).toFixed(3)} / ${mean(scores.map(({ macroF1 }) => macroF1)).toFixed(3)}`);
/** Of twenty and seventy-seven labels. */
const classesOf = { mts: 20, banking: 77 } as const;

/** Accuracy / macro-F1 of every kind of cell, over its seeds. */
export function printFederationTable({ pooled, alone, central }: FederationResults): void {
  console.log('| set | split | clients | units each | epsilon | signal | signal alone | pooled (seeds) | alone, mean | alone, worst | central | label sentences |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  const groups = new Map<string, FederatedResult[]>();
  for (const one of pooled) {
    const name = [one.set, one.split, one.clients, one.epsilon].join();
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  for (const group of groups.values()) {
    const { set, split, clients, epsilon, participants, units } = group[0]!;
    const by = alone.filter((one) => one.set === set && one.split === split && one.clients === clients && one.epsilon === epsilon);
    const all = central.filter((one) => one.set === set && one.epsilon === epsilon);
    const signal = (of: number) => (epsilon === null ? 'none' : pooledSignal(of, units, gaussianMu(epsilon, delta), classesOf[set]).toFixed(1));
    console.log(`| ${[set, split, clients, units, epsilon ?? 'no noise', signal(participants), signal(1), `${inWords(group)} (${group.length})`, inWords(by.map((one) => one.mean)), inWords(by.map(({ worst }) => worst)), inWords(all), inWords(group.map(({ sentences }) => sentences))].join(' | ')} |`);
  }
}

/** Other ways to spend the same epsilon: accuracy / macro-F1 over the seeds. */
export function printVariants({ variants }: FederationResults): void {
  const cells = [...new Set(variants.map(({ split, clients, epsilon }) => `${split}, ${clients} clients, epsilon ${epsilon}`))];
  console.log(`\n| mts, way (${new Set(variants.map(({ seed }) => seed)).size} seeds) | ${cells.join(' | ')} |\n| --- |${' --- |'.repeat(cells.length)}`);
  for (const name of new Set(variants.map(({ variant }) => variant))) {
    const of = (cell: string) => variants.filter(({ variant, split, clients, epsilon }) => variant === name && `${split}, ${clients} clients, epsilon ${epsilon}` === cell);
    console.log(`| ${[name, ...cells.map((cell) => inWords(of(cell)))].join(' | ')} |`);
  }
}
