import type { RunRecord } from './records.ts';

/** Held by the guard while it trains; one run a browser at a time, whichever tab. */
export const trainingLockName = 'bedside-training';
const runLockPrefix = 'bedside-run-';

export function runLockName(runId: string): string {
  return runLockPrefix + runId;
}

/** Ids of the runs that a living guard works on, in any tab. */
export async function liveRunIds(): Promise<ReadonlySet<string>> {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => (name?.startsWith(runLockPrefix) ? [name.slice(runLockPrefix.length)] : [])));
}

/** A run that is recorded as going on while nobody works on it was cut off: by a closed tab, a crash, a power cut. */
export function withInterruption(run: RunRecord, live: ReadonlySet<string>): RunRecord {
  return (run.state === 'running' || run.state === 'paused') && !live.has(run.id) ? { ...run, state: 'interrupted' } : run;
}
