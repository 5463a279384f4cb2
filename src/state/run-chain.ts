import { addRanges } from '../energy/range.ts';
import type { RunSummary } from '../shell/bedside.service.ts';

/** A run's predecessors that its model was trained on from, the last first; null where one of them is not at hand. */
export function runsBehind(runs: readonly RunSummary[], run: RunSummary): readonly RunSummary[] | null {
  const behind: RunSummary[] = [];
  for (let at = run; at.plan.continues; at = behind.at(-1)!) {
    const { runId } = at.plan.continues;
    const before = runs.find(({ id }) => id === runId);
    if (!before || before.number >= at.number) return null;
    behind.push(before);
  }
  return behind;
}

/** Energy of several runs together, Wh. */
export function energyOfRuns(runs: readonly RunSummary[]): RunSummary['energyWh'] {
  return addRanges(runs.map(({ energyWh }) => energyWh));
}

/** Epsilon that a run's model promises, all runs together that led to it; null where it is not private, or where an older version did not write down what a chain promises. */
export function promisedEpsilon({ plan, epsilonRun, epsilonModel }: Pick<RunSummary, 'plan' | 'epsilonRun' | 'epsilonModel'>): number | null {
  return plan.continues ? (epsilonModel ?? null) : epsilonRun;
}

/** Carbon of several runs together, g CO2e; null where an older version did not keep that of one. */
export function carbonOfRuns(runs: readonly Pick<RunSummary, 'carbonGrams'>[]): RunSummary['energyWh'] | null {
  const known = runs.map(({ carbonGrams }) => carbonGrams).filter((range) => range !== undefined);
  return known.length === runs.length ? addRanges(known) : null;
}
