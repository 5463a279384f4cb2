/**
 * `npm run bench -- federation [--set mts|banking] [--seeds 3] [--print]`: whether pooling helps. 10, 50 and 200 clients over public data, dealt out evenly or by
 * Dirichlet(0.3) shares of each label, at epsilon 3, 8 and without noise: the pooled model after all rounds, through the participants' code (noise and ledger
 * included) and the server's (`federation_aggregator.py`; SafeFedAvg where flwr is installed or BEDSIDE_FLWR_BIN names it), beside clients that train alone with
 * the whole epsilon, one trainer with all rows, and the label sentences. Resumable: what is in the result file is not run again.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aggregator } from './federation-aggregator.ts';
import { chosenAlone, trainAlone } from './federation-alone.ts';
import { federate, type FederatedCell, type FederatedResult } from './federation-run.ts';
import { openFederationSet, type FederationSet, type Scores } from './federation-set.ts';
import { splitUnits } from './federation-split.ts';
import { printFederationTable } from './federation-table.ts';
import { machineInWords } from './machine.ts';

const resultFile = join(import.meta.dirname, 'results', 'federation.json');

export interface AloneResult extends FederatedCell {
  readonly trained: number;
  readonly mean: Scores;
  readonly worst: Scores;
}

export interface CentralResult extends Scores {
  readonly set: FederatedCell['set'];
  readonly epsilon: number | null;
  readonly seed: number;
}

export interface FederationResults {
  readonly machine: string;
  readonly pooled: readonly FederatedResult[];
  readonly alone: readonly AloneResult[];
  readonly central: readonly CentralResult[];
}

function kept(): FederationResults {
  if (!existsSync(resultFile)) return { machine: machineInWords(), pooled: [], alone: [], central: [] };
  const results: FederationResults = JSON.parse(readFileSync(resultFile, 'utf8'));
  return results;
}

const epsilons = [8, 3, null];
/** By how much work a seed costs: no noise differs from seed to seed by the split alone, and banking77 has eight times the rows. */
const repeatsOf = (set: FederatedCell['set'], epsilon: number | null, seeds: number) => (epsilon === null || set === 'banking' ? 1 : seeds);

function cellsOf(set: FederatedCell['set'], seeds: number): readonly FederatedCell[] {
  return epsilons.flatMap((epsilon) => (['iid', 'dirichlet'] as const).flatMap((split) => [10, 50, 200].flatMap((clients) => Array.from({ length: repeatsOf(set, epsilon, seeds) }, (_, seed) => ({ set, split, clients, epsilon, seed })))));
}

const isSame = (one: FederatedCell, other: FederatedCell) => one.set === other.set && one.split === other.split && one.clients === other.clients && one.epsilon === other.epsilon && one.seed === other.seed;

async function measureAlone(set: FederationSet, cell: FederatedCell): Promise<AloneResult> {
  const scores: Scores[] = [];
  for (const share of chosenAlone(splitUnits(set.training, cell.clients, cell.split, cell.seed))) scores.push(await trainAlone(set, share, cell.epsilon, cell.seed));
  const over = (take: (values: readonly number[]) => number): Scores => ({ accuracy: take(scores.map(({ accuracy }) => accuracy)), macroF1: take(scores.map(({ macroF1 }) => macroF1)) });
  return { ...cell, trained: scores.length, mean: over((values) => values.reduce((sum, value) => sum + value, 0) / values.length), worst: over((values) => Math.min(...values)) };
}

export async function run(args: readonly string[]): Promise<void> {
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  let results = kept();
  const keep = (news: Partial<FederationResults>) => {
    results = { ...results, ...news };
    writeFileSync(resultFile, `${JSON.stringify(results, null, 1)}\n`);
  };
  const aggregator = args.includes('--print') ? null : Aggregator.start();
  for (const name of (['mts', 'banking'] as const).filter((one) => (option('--set') ?? one) === one)) {
    if (aggregator === null) break;
    const set = await openFederationSet(name);
    const cells = cellsOf(name, Number(option('--seeds') ?? 3));
    for (const cell of cells) {
      if (results.pooled.some((one) => isSame(one, cell))) continue;
      const result = await federate(set, cell, aggregator);
      keep({ pooled: [...results.pooled, result] });
      console.error(`${name} ${cell.split} ${cell.clients} clients, epsilon ${cell.epsilon ?? 'none'}, seed ${cell.seed}: ${result.accuracy.toFixed(4)} in ${result.seconds.toFixed(0)} s`);
    }
    for (const cell of cells.filter(({ seed }) => seed === 0)) {
      if (results.alone.some((one) => isSame(one, cell))) continue;
      const result = await measureAlone(set, cell);
      keep({ alone: [...results.alone, result] });
      console.error(`${name} ${cell.split} ${cell.clients} clients, epsilon ${cell.epsilon ?? 'none'}: ${result.trained} alone, mean ${result.mean.accuracy.toFixed(4)}`);
    }
    for (const epsilon of epsilons) {
      for (let seed = 0; seed < repeatsOf(name, epsilon, Number(option('--seeds') ?? 3)); seed++) {
        if (results.central.some((one) => one.set === name && one.epsilon === epsilon && one.seed === seed)) continue;
        keep({ central: [...results.central, { set: name, epsilon, seed, ...(await trainAlone(set, set.training, epsilon, seed)) }] });
      }
    }
  }
  aggregator?.close();
  printFederationTable(results);
}
