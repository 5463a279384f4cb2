import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SetName } from './public-sets.ts';

/** One run of a head under a variant of recipe R. */
export interface HeadRun {
  readonly set: SetName;
  readonly variant: string;
  readonly epsilon: number;
  readonly seed: number;
  readonly accuracy: number;
  readonly macroF1: number;
  /** Mean F1 of the tenth of the classes, rounded up, that has the lowest. */
  readonly worstTenth: number;
}

/** Recipe R, DP-SGD of LoRA by this engine, and the same plan by Opacus and PEFT. */
export const crossoverMethods = ['head', 'lora', 'opacus-lora'] as const;

/** One run of recipe R or of DP-SGD of LoRA on some of a set's training rows, scored on its whole test part. */
export interface CrossoverRun {
  readonly set: SetName;
  readonly method: (typeof crossoverMethods)[number];
  readonly rows: number;
  readonly epsilon: number;
  readonly seed: number;
  readonly delta: number;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly seconds: number;
  /** Of Opacus, by its PRV accountant. */
  readonly noiseMultiplier?: number;
  readonly epsilonSpent?: number;
}

/** One run of recipe R, trained once or chosen by a search, on 80 % of a set's training rows; scored on its whole test part. */
export interface SearchRun {
  readonly set: SetName;
  readonly epsilon: number;
  readonly seed: number;
  readonly isSearch: boolean;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly seconds: number;
}

interface Recipes {
  readonly machine: string;
  readonly heads: readonly HeadRun[];
  readonly searches: readonly SearchRun[];
}

const results = join(import.meta.dirname, 'results');
const file = join(results, 'recipes.json');
/** A file of its own: its runs take long, and others are kept meanwhile. */
const crossoverFile = join(results, 'crossover.json');

/** One run a line, so that a run that is added is one line of a diff. */
const lines = (runs: readonly object[], indent: string) => (runs.length === 0 ? '[]' : `[\n${indent} ${runs.map((run) => JSON.stringify(run)).join(`,\n${indent} `)}\n${indent}]`);

export function readRecipes(): Recipes {
  if (!existsSync(file)) return { machine: '', heads: [], searches: [] };
  const kept: Recipes = JSON.parse(readFileSync(file, 'utf8'));
  return kept;
}

/** Replaces what is named and keeps the rest. */
export function keepRecipes(changes: Partial<Recipes>): void {
  const { machine, heads, searches } = { ...readRecipes(), ...changes };
  writeFileSync(file, `{\n "machine": ${JSON.stringify(machine)},\n "heads": ${lines(heads, ' ')},\n "searches": ${lines(searches, ' ')}\n}\n`);
}

export function readCrossover(): readonly CrossoverRun[] {
  if (!existsSync(crossoverFile)) return [];
  const kept: readonly CrossoverRun[] = JSON.parse(readFileSync(crossoverFile, 'utf8'));
  return kept;
}

export function addCrossover(run: CrossoverRun): void {
  writeFileSync(crossoverFile, `${lines([...readCrossover(), run], '')}\n`);
}
