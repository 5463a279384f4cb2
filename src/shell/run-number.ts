import type { ProjectRecord } from './records.ts';

/** The number that a project's next run gets: the only place that says so. */
export function nextRunNumber({ runsStarted }: Pick<ProjectRecord, 'runsStarted'>): number {
  return runsStarted + 1;
}
