/**
 * `npm run bench -- federation --projection [--set mts|banking] [--part MAP] [--seeds 1] [--print]`: the same federations over few numbers. Features go through a
 * public map to 16 to 128 numbers before the clip: one that begins with the label sentences' directions, and one of random directions alone. Beside them
 * what whole features give (`results/federation.json`). And with all notes of a participant as the unit, where epsilon is for any notes in place of any
 * others; the epsilon of taking part against bringing nothing, which half the noise would give, is printed beside it. Resumable.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gaussianEpsilon, gaussianMu } from '../src/privacy/gaussian.ts';
import { Aggregator } from './federation-aggregator.ts';
import { delta, federate, type FederatedCell, type FederatedResult } from './federation-run.ts';
import { openFederationSet, type Scores } from './federation-set.ts';
import type { FederationResults } from './federation.ts';
import { machineInWords } from './machine.ts';

const resultFile = join(import.meta.dirname, 'results', 'federation-projection.json');

interface Way {
  /** What the draft of the task says more. */
  readonly draft: Readonly<Record<string, unknown>>;
  readonly sets: readonly FederatedCell['set'][];
  /** Other epsilons than those of rows. */
  readonly epsilons?: readonly number[];
}

const sentences = (dimension: number, ...sets: FederatedCell['set'][]): Way => ({ draft: { project: { dimension } }, sets });
const random = (dimension: number): Way => ({ draft: { project: { dimension, isFromSentences: false } }, sets: ['mts'], epsilons: [8] });
/** The first is epsilon 8 against bringing nothing. */
const participantEpsilons = [19.12, 8, 3];
const participant = (dimension: number | null): Way => ({ draft: { unit: 'participant', ...(dimension === null ? {} : { project: { dimension } }) }, sets: ['mts'], epsilons: participantEpsilons });
/** With fewer directions than labels there is no room for their sentences. */
const ways: Readonly<Record<string, Way>> = {
  'sentences, 32': sentences(32, 'mts'), 'sentences, 64': sentences(64, 'mts'), 'sentences, 96': sentences(96, 'banking'), 'sentences, 128': sentences(128, 'mts'),
  'participant, whole': participant(null), 'participant, sentences, 32': participant(32),
  'random, 128': random(128), 'random, 64': random(64), 'random, 32': random(32), 'random, 16': random(16),
};

interface ProjectedResult extends FederatedResult {
  readonly way: string;
}

interface ProjectionResults {
  readonly machine: string;
  readonly results: readonly ProjectedResult[];
}

const epsilonsOf = { mts: [8, 3, 1], banking: [8, 3] } as const;

function kept(): ProjectionResults {
  if (!existsSync(resultFile)) return { machine: machineInWords(), results: [] };
  const results: ProjectionResults = JSON.parse(readFileSync(resultFile, 'utf8'));
  return results;
}

const isSame = (one: FederatedCell, other: FederatedCell) => one.set === other.set && one.split === other.split && one.clients === other.clients && one.epsilon === other.epsilon && one.seed === other.seed;

function cellsOf(set: FederatedCell['set'], seeds: number, epsilons: readonly number[] = epsilonsOf[set]): readonly FederatedCell[] {
  return Array.from({ length: seeds }, (_, seed) => epsilons.flatMap((epsilon) => (['iid', 'dirichlet'] as const).flatMap((split) => [10, 50, 200].map((clients) => ({ set, split, clients, epsilon, seed }))))).flat();
}

export async function runProjections(whole: FederationResults, wanted: { readonly set: string | undefined; readonly part: string | undefined; readonly seeds: number; readonly isPrintOnly: boolean }): Promise<void> {
  let { machine, results } = kept();
  const aggregator = wanted.isPrintOnly ? null : Aggregator.start();
  for (const name of (['mts', 'banking'] as const).filter((one) => aggregator !== null && (wanted.set ?? one) === one)) {
    const set = await openFederationSet(name);
    for (const [way, { draft, epsilons }] of Object.entries(ways).filter(([one, { sets }]) => sets.includes(name) && (wanted.part ?? one) === one)) {
      for (const cell of cellsOf(name, wanted.seeds, epsilons)) {
        if (aggregator === null || results.some((one) => one.way === way && isSame(one, cell))) continue;
        results = [...results, { way, ...(await federate(set, cell, aggregator, draft)) }];
        writeFileSync(resultFile, `${JSON.stringify({ machine, results }, null, 1)}\n`);
      }
    }
  }
  aggregator?.close();
  print(whole, results);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const inWords = (scores: readonly Scores[]) => (scores.length === 0 ? '' : `${mean(scores.map(({ accuracy }) => accuracy)).toFixed(3)} / ${mean(scores.map(({ macroF1 }) => macroF1)).toFixed(3)}`);

/** One clip norm in place of two: half of mu. */
const againstNothing = (epsilon: number) => gaussianEpsilon(gaussianMu(epsilon, delta) / 2, delta).toFixed(2);

/** Accuracy / macro-F1, over the seeds that were run. */
function print({ pooled }: FederationResults, results: readonly ProjectedResult[]): void {
  for (const [set, isParticipant] of [['mts', false], ['mts', true], ['banking', false]] as const) {
    const names = Object.entries(ways).flatMap(([way, { sets, epsilons }]) => (sets.includes(set) && (epsilons === participantEpsilons) === isParticipant ? [way] : []));
    const cells = cellsOf(set, 1, isParticipant ? participantEpsilons : undefined).filter((cell) => results.some((one) => names.includes(one.way) && one.set === set && one.split === cell.split && one.clients === cell.clients && one.epsilon === cell.epsilon));
    if (cells.length === 0) continue;
    console.log(`\n| ${set}: split | clients | epsilon | ${isParticipant ? 'epsilon against nothing' : 'whole'} | ${names.join(' | ')} | label sentences |\n| --- | --- | --- | --- |${' --- |'.repeat(names.length)} --- |`);
    for (const { split, clients, epsilon } of cells) {
      const here = <Result extends FederatedCell>(one: Result) => one.set === set && one.split === split && one.clients === clients && one.epsilon === epsilon;
      const wholeHere = pooled.filter(here);
      console.log(`| ${[split, clients, epsilon, isParticipant ? againstNothing(epsilon ?? Infinity) : inWords(wholeHere), ...names.map((name) => inWords(results.filter((one) => one.way === name && here(one)))), inWords((isParticipant ? results.filter((one) => names.includes(one.way) && here(one)) : wholeHere).map((one) => one.sentences))].join(' | ')} |`);
    }
  }
}
