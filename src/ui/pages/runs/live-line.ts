import type { RunSummary } from '../../../shell/bedside.service.ts';
import type { RunView } from '../../../state/run.svelte.ts';

const nothing = { low: 0, central: 0, high: 0 };

/** The saved runs, with the one that goes on as it stands now: what was saved of it may be old, or not there yet. */
export function runsWithLive(saved: readonly RunSummary[], view: RunView): readonly RunSummary[] {
  if (view.kind !== 'running' && view.kind !== 'paused') return saved;
  const { plan, progress } = view;
  const earlier = saved.find(({ id }) => id === progress.runId);
  const last = progress.points.at(-1);
  const live: RunSummary = {
    id: progress.runId,
    number: progress.runNumber,
    state: view.kind,
    plan,
    startedAtMs: earlier?.startedAtMs ?? Date.now() - 1000 * (last?.elapsedSeconds ?? 0),
    seconds: last?.elapsedSeconds ?? 0,
    stepsDone: progress.step,
    steps: progress.steps,
    epsilonRun: progress.epsilonRun,
    energyWh: last?.energyWh ?? nothing,
    accuracy: progress.points.findLast(({ accuracy }) => accuracy !== null)?.accuracy ?? null,
    macroF1: null,
    hasModel: false,
  };
  return [...saved.filter(({ id }) => id !== progress.runId), live];
}
