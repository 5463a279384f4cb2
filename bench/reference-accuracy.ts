import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../src/training/plan.ts';
import type { SetName } from './public-sets.ts';

interface ReferenceRun {
  readonly method: string;
  readonly variant?: string;
  readonly base: string;
  readonly eps?: number;
  readonly n_train: number;
  readonly recipe: { readonly epochs?: number; readonly lr?: number; readonly max_length?: number; readonly norm?: string; readonly layers?: readonly number[]; readonly squared_weights?: readonly number[] };
  readonly result: { readonly test: { readonly acc: number; readonly f1: number } };
}

const file = process.env['BEDSIDE_REFERENCE'] ?? join(import.meta.dirname, '..', '..', 'shared', 'goldens', 'accuracy_public.json');
const fullSize: Readonly<Record<SetName, number>> = { mts: 1201, banking: 10003 };

function readRuns(set: SetName): readonly ReferenceRun[] {
  if (!existsSync(file)) return [];
  const parsed: { sets: Record<string, { runs: ReferenceRun[] }> } = JSON.parse(readFileSync(file, 'utf8'));
  return (parsed.sets[set]?.runs ?? []).filter((run) => run.n_train === fullSize[set]);
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean of the reference runs of the same recipe (PyTorch and NumPy), or null where there is none. */
export function referenceAccuracy(set: SetName, method: 'head' | 'lora' | 'layers', epsilon: number | null, plan: Plan): { readonly accuracy: number; readonly macroF1: number } | null {
  if (method === 'layers') return null;
  const isSame = (run: ReferenceRun): boolean => {
    if (epsilon === null) {
      if (method === 'lora') return run.method === 'lora' && run.base === 'int8';
      return plan.kind === 'plain-head' && run.method === 'frozen+AdamW head' && run.base === 'int8' && run.recipe.epochs === plan.epochs && run.recipe.lr === plan.learningRate && run.recipe.max_length === plan.maximumLength;
    }
    if (run.eps !== epsilon) return false;
    if (plan.kind === 'dp-sgd') return run.method === 'DP-SGD LoRA + head';
    if (plan.kind !== 'full-batch-head' || run.variant !== 'R') return false;
    const weights = run.recipe.squared_weights ?? run.recipe.layers?.map((_, __, all) => 1 / all.length) ?? [];
    return String(run.recipe.layers) === String(plan.featureLayers) && String(weights) === String(plan.featureWeights);
  };
  const runs = readRuns(set).filter(isSame);
  return runs.length === 0 ? null : { accuracy: average(runs.map((run) => run.result.test.acc)), macroF1: average(runs.map((run) => run.result.test.f1)) };
}
