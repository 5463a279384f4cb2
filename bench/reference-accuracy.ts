import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences, type KeptRun, type ReferenceRun } from '../src/cli/goldens/accuracy-recipe.ts';

const file = process.env['BEDSIDE_REFERENCE'] ?? join(import.meta.dirname, '..', 'src', 'fixtures', 'goldens', 'accuracy.json');

function readRuns(set: string): readonly ReferenceRun[] {
  if (!existsSync(file)) return [];
  const parsed: { sets: Record<string, { runs: ReferenceRun[] }> } = JSON.parse(readFileSync(file, 'utf8'));
  return parsed.sets[set]?.runs ?? [];
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean of the reference runs of a kept run's recipe (PyTorch and NumPy), of those with int8 weights where there are any; null where there is none. */
export function referenceAccuracy(kept: KeptRun): { readonly accuracy: number; readonly macroF1: number } | null {
  const same = readRuns(kept.set).filter((run) => differences(run, kept)?.length === 0);
  const rounded = same.filter(({ base }) => base === 'int8');
  const runs = rounded.length > 0 ? rounded : same;
  if (runs.length === 0) return null;
  return { accuracy: average(runs.map((run) => run.result.test.acc ?? NaN)), macroF1: average(runs.map((run) => run.result.test.f1 ?? NaN)) };
}
