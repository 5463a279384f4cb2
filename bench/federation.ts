/**
 * `npm run bench -- federation [--set mts|banking] [--seeds 3] [--epsilon 3] [--part pooled|alone|central] [--print | --variants | --projection]`: whether pooling helps. 10, 50 and 200 clients over public data, dealt out evenly or by
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
import { runProjections } from './federation-projection.ts';
import { printFederationTable, printVariants } from './federation-table.ts';
import { runVariant, variants } from './federation-variants.ts';
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

export interface VariantResult extends Scores {
  readonly variant: string;
  readonly split: FederatedCell['split'];
  readonly clients: number;
  readonly epsilon: number;
  readonly seed: number;
}

export interface FederationResults {
  readonly machine: string;
  readonly pooled: readonly FederatedResult[];
  readonly alone: readonly AloneResult[];
  readonly central: readonly CentralResult[];
  readonly variants: readonly VariantResult[];
}

function kept(): FederationResults {
  if (!existsSync(resultFile)) return { machine: machineInWords(), pooled: [], alone: [], central: [], variants: [] };
  const results: Omit<FederationResults, 'variants'> & Partial<FederationResults> = JSON.parse(readFileSync(resultFile, 'utf8'));
  return { variants: [], ...results };
}

/** Null: no noise. Epsilon 1 is where the signal runs out, on the smaller set. */
const epsilonsOf = { mts: [8, 3, 1, null], banking: [8, 3, null] } as const;
/** By how much work a seed costs: no noise differs from seed to seed by the split alone, and banking77 has eight times the rows. */
const repeatsOf = (set: FederatedCell['set'], epsilon: number | null, seeds: number) => (epsilon === null || set === 'banking' ? 1 : seeds);

function cellsOf(set: FederatedCell['set'], seeds: number): readonly FederatedCell[] {
  return epsilonsOf[set].flatMap((epsilon) => (['iid', 'dirichlet'] as const).flatMap((split) => [10, 50, 200].flatMap((clients) => Array.from({ length: repeatsOf(set, epsilon, seeds) }, (_, seed) => ({ set, split, clients, epsilon, seed })))));
}

const isSame = (one: FederatedCell, other: FederatedCell) => one.set === other.set && one.split === other.split && one.clients === other.clients && one.epsilon === other.epsilon && one.seed === other.seed;

async function measureAlone(set: FederationSet, cell: FederatedCell): Promise<AloneResult> {
  const scores: Scores[] = [];
  for (const share of chosenAlone(splitUnits(set.training, cell.clients, cell.split, cell.seed))) scores.push(await trainAlone(set, share, cell.epsilon, cell.seed));
  const over = (take: (values: readonly number[]) => number): Scores => ({ accuracy: take(scores.map(({ accuracy }) => accuracy)), macroF1: take(scores.map(({ macroF1 }) => macroF1)) });
  return { ...cell, trained: scores.length, mean: over((values) => values.reduce((sum, value) => sum + value, 0) / values.length), worst: over((values) => Math.min(...values)) };
}

/** Cells of 10 and 50 clients, on mts-dialog alone. */
async function runVariants(results: FederationResults, keep: (news: Partial<FederationResults>) => void, seeds: number): Promise<void> {
  const set = await openFederationSet('mts');
  const news = [...results.variants];
  for (let seed = 0; seed < seeds; seed++) {
    for (const split of ['iid', 'dirichlet'] as const) {
      for (const [clients, epsilon] of [[10, 8], [10, 3], [50, 8], [50, 3]] as const) {
        for (const [variant, settings] of Object.entries(variants)) {
          if (news.some((one) => one.variant === variant && one.split === split && one.clients === clients && one.epsilon === epsilon && one.seed === seed)) continue;
          news.push({ variant, split, clients, epsilon, seed, ...(await runVariant(set, settings, split, clients, epsilon, seed)) });
          keep({ variants: news });
        }
      }
    }
  }
}

export async function run(args: readonly string[]): Promise<void> {
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  let results = kept();
  const keep = (news: Partial<FederationResults>) => {
    results = { ...results, ...news };
    writeFileSync(resultFile, `${JSON.stringify(results, null, 1)}\n`);
  };
  if (args.includes('--variants')) {
    await runVariants(results, keep, Number(option('--seeds') ?? 3));
    printVariants(results);
    return;
  }
  if (args.includes('--projection')) {
    await runProjections(results, { set: option('--set'), part: option('--part'), seeds: Number(option('--seeds') ?? 1), isPrintOnly: args.includes('--print') });
    return;
  }
  const aggregator = args.includes('--print') ? null : Aggregator.start();
  for (const name of (['mts', 'banking'] as const).filter((one) => (option('--set') ?? one) === one)) {
    if (aggregator === null) break;
    const set = await openFederationSet(name);
    const cells = cellsOf(name, Number(option('--seeds') ?? 3)).filter(({ epsilon }) => (option('--epsilon') ?? String(epsilon)) === String(epsilon));
    const isWanted = (part: string) => (option('--part') ?? part) === part;
    for (const cell of isWanted('pooled') ? cells : []) {
      if (results.pooled.some((one) => isSame(one, cell))) continue;
      const result = await federate(set, cell, aggregator);
      keep({ pooled: [...results.pooled, result] });
      console.error(`${name} ${cell.split} ${cell.clients} clients, epsilon ${cell.epsilon ?? 'none'}, seed ${cell.seed}: ${result.accuracy.toFixed(4)} in ${result.seconds.toFixed(0)} s`);
    }
    for (const cell of isWanted('alone') ? cells.filter(({ seed }) => seed === 0) : []) {
      if (results.alone.some((one) => isSame(one, cell))) continue;
      const result = await measureAlone(set, cell);
      keep({ alone: [...results.alone, result] });
      console.error(`${name} ${cell.split} ${cell.clients} clients, epsilon ${cell.epsilon ?? 'none'}: ${result.trained} alone, mean ${result.mean.accuracy.toFixed(4)}`);
    }
    for (const epsilon of isWanted('central') ? epsilonsOf[name] : []) {
      for (let seed = 0; seed < repeatsOf(name, epsilon, Number(option('--seeds') ?? 3)); seed++) {
        if (results.central.some((one) => one.set === name && one.epsilon === epsilon && one.seed === seed)) continue;
        keep({ central: [...results.central, { set: name, epsilon, seed, ...(await trainAlone(set, set.training, epsilon, seed)) }] });
      }
    }
  }
  aggregator?.close();
  printFederationTable(results);
  if (results.variants.length > 0) printVariants(results);
}
