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

/** One run of recipe R or of DP-SGD of LoRA on some of a set's training rows, scored on its whole test part. */
export interface CrossoverRun {
  readonly set: SetName;
  readonly method: 'head' | 'lora';
  readonly rows: number;
  readonly epsilon: number;
  readonly seed: number;
  readonly delta: number;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly seconds: number;
}

interface Recipes {
  readonly machine: string;
  readonly heads: readonly HeadRun[];
  readonly crossover: readonly CrossoverRun[];
}

const file = join(import.meta.dirname, 'results', 'recipes.json');

export function readRecipes(): Recipes {
  if (!existsSync(file)) return { machine: '', heads: [], crossover: [] };
  const kept: Recipes = JSON.parse(readFileSync(file, 'utf8'));
  return kept;
}

/** Replaces what is named and keeps the rest; one run a line, so that a run that is added is one line of a diff. */
export function keepRecipes(changes: Partial<Recipes>): void {
  const { machine, heads, crossover } = { ...readRecipes(), ...changes };
  const lines = (runs: readonly object[]) => (runs.length === 0 ? '[]' : `[\n  ${runs.map((run) => JSON.stringify(run)).join(',\n  ')}\n ]`);
  writeFileSync(file, `{\n "machine": ${JSON.stringify(machine)},\n "heads": ${lines(heads)},\n "crossover": ${lines(crossover)}\n}\n`);
}
