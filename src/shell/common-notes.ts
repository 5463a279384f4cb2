/** Which other data sets hold notes or persons of a project's: it cannot be said of these that they are about other people. */
import type { LedgerState } from '../privacy/balance.ts';
import type { HashedRow } from '../privacy/cohort.ts';
import { commonNotes } from '../privacy/common-notes.ts';
import type { CommonUnits } from '../privacy/data-sets.ts';
import type { LedgerEntry } from '../privacy/events.ts';
import type { NotesElsewhere } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import { inTransaction } from './transaction.ts';

/** By split: the runs of this device that it was charged for. */
function runsBySplit(entries: readonly LedgerEntry[], state: LedgerState): ReadonlyMap<string, ReadonlySet<string>> {
  const runs = new Map<string, Set<string>>();
  for (const { event } of entries) {
    const splitId = event.kind === 'charge' && !event.isFromFile ? state.splitOf(event.cohortId) : undefined;
    if (event.kind !== 'charge' || splitId === undefined) continue;
    const known = runs.get(splitId);
    if (known) known.add(event.runId);
    else runs.set(splitId, new Set([event.runId]));
  }
  return runs;
}

/**
 * Data sets by the projects that trained on them, the one with the most notes in common first. Those whose project nobody knows (it was deleted, or the
 * ledger came with a file) are told together, and not at all where they hold the very same notes: these are deals of the project's own.
 */
export async function notesElsewhere(database: BedsideDatabase, projectId: string, common: readonly CommonUnits[], { notes, hashed }: { readonly notes: readonly { readonly row: number }[]; readonly hashed: readonly HashedRow[] }, state: LedgerState, entries: readonly LedgerEntry[]): Promise<readonly NotesElsewhere[]> {
  const runs = runsBySplit(entries, state);
  const projects = await inTransaction(database, ['projects', 'runs'], 'readonly', async (transaction) => {
    const [records, ofRuns] = await Promise.all([transaction.objectStore('projects').getAll(), transaction.objectStore('runs').getAll()]);
    const names = new Map(records.map(({ id, name }) => [id, name]));
    return new Map(ofRuns.map((run) => [run.id, { id: run.projectId, name: names.get(run.projectId) ?? null }]));
  });
  const same = new Set(state.splitsOfRows(new Set(hashed.map(({ row }) => row))));
  const byProject = new Map<string | null, CommonUnits[]>();
  for (const one of common) {
    const trainedIn = [...(runs.get(one.splitId) ?? [])].flatMap((runId) => projects.get(runId) ?? []);
    const names = new Set(trainedIn.filter(({ id }) => id !== projectId).map(({ name }) => name));
    const isOwn = trainedIn.length > 0 && names.size === 0;
    for (const name of names.size > 0 ? names : isOwn || same.has(one.splitId) ? [] : [null]) byProject.set(name, [...(byProject.get(name) ?? []), one]);
  }
  return [...byProject].map(([projectName, sets]) => ({ projectName, ...commonNotes(sets, hashed, (index) => notes[index]?.row ?? 0) })).sort((a, b) => b.notes + b.persons - (a.notes + a.persons));
}
