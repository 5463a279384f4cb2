import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { checkNonNegative } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { roundDownTo, roundUp } from '../ground/rounding.ts';
import type { Balance, LedgerState } from '../privacy/balance.ts';
import { forOwnersEyes, type OwnersEyes } from '../privacy/doors.ts';
import type { LedgerEvent } from '../privacy/events.ts';
import type { Ledger } from '../privacy/ledger.ts';
import { keyIdOf } from '../privacy/unit-hash.ts';
import type { RunState } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import { ownersFile } from './leaving-file.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import { eventsOfShare } from './ledger-share.ts';
import { datasetOf, notAProjectFile, projectFileParts, projectFormat, projectFormatVersion, readProjectFile, type ProjectFile } from './project-file-format.ts';
import { withPromisesOfOwn } from './promises-from-file.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import { recordMissing } from './storage-errors.ts';
import { toTaggedJson } from './tagged-json.ts';
import { inTransaction } from './transaction.ts';
import { hashesOfNotes, namingOf } from './unit-hashes.ts';

/** A file that unpacks to more is refused before it is unpacked. */
const largestPartBytes = 1_000_000_000;

/** The share was given up before the file could not be written: it is not given back, because nobody can tell whether a file has left. */
function shareLost(epsilon: number, reason: string): BedsideError {
  const lost = roundUp(epsilon, 4);
  return new BedsideError('storage/share-lost', 'storage', `The project file could not be written, and the share of the privacy budget that was to go along, epsilon ${lost}, is lost: ${reason}`, 'The notes and models are unharmed. Save the file again, with a smaller share or none; a new share is taken from what is left.', { epsilon: lost, reason });
}

function packed(file: ProjectFile): OwnersEyes<Blob> {
  const entries = Object.fromEntries(projectFileParts.map((part) => [`${part}.json`, strToU8(toTaggedJson(file[part]))]));
  return ownersFile(forOwnersEyes([new Uint8Array(zipSync(entries, { level: 6 }))]), 'application/zip');
}

/**
 * A project as one zip: notes, columns, sentences, ended runs with models and results, and the ledger events that count for its notes.
 * The installation's hash key and every hash stay behind: membership of a cohort goes by the position of the note.
 * The copy may spend `epsilon` of the privacy budget, which is gone from here before the file is written; 0 for a copy that trains nothing privately.
 * @throws settings/share-too-large where less is left; storage/share-lost where the file could not be made afterwards.
 */
export async function exportProject(database: BedsideDatabase, ledger: LedgerKeeper, id: string, epsilon = 0, pack: (file: ProjectFile) => OwnersEyes<Blob> = packed): Promise<OwnersEyes<Blob>> {
  const stored = await inTransaction(database, ['projects', 'tables', 'runs', 'models', 'results'], 'readonly', async (transaction) => {
    const [project, table, runs, models, results] = await Promise.all([
      transaction.objectStore('projects').get(id),
      transaction.objectStore('tables').get(id),
      transaction.objectStore('runs').index('projectId').getAll(id),
      transaction.objectStore('models').index('projectId').getAll(id),
      transaction.objectStore('results').index('projectId').getAll(id),
    ]);
    if (!project || !table) throw recordMissing('project');
    return { project, table: table.table, runs, models, results };
  });
  const { name, fileName, isSynthetic, columnRoles, sentences, epsilonLimit, runsStarted } = stored.project;
  const file: ProjectFile = {
    project: { format: projectFormat, version: projectFormatVersion, name, fileName, isSynthetic, columnRoles, sentences, epsilonLimit, runsStarted },
    table: stored.table,
    // A run that has not ended has no model yet, and its checkpoint belongs to this device.
    runs: stored.runs.filter(({ state }) => state === 'finished' || state === 'stopped' || state === 'failed'),
    models: stored.models,
    results: stored.results,
    ledger: await ledger.share(stored.project, checkNonNegative('share of the budget', epsilon)),
  };
  try {
    return pack(file);
  } catch (error) {
    if (epsilon > 0) throw shareLost(epsilon, error instanceof Error ? error.message : 'it is not known why');
    throw error;
  }
}

async function unzip(file: Blob): Promise<ReadonlyMap<string, string>> {
  const names: ReadonlySet<string> = new Set(projectFileParts.map((part) => `${part}.json`));
  let isTooLarge = false;
  const bytes = new Uint8Array(await file.arrayBuffer());
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (names.has(name) && originalSize > largestPartBytes) isTooLarge = true;
        return names.has(name) && !isTooLarge;
      },
    });
  } catch {
    throw notAProjectFile('it is not a zip file');
  }
  if (isTooLarge) throw notAProjectFile('it is too large');
  return new Map(Object.entries(entries).map(([name, content]) => [name, strFromU8(content)]));
}

/** A file may say that rows are of nobody; that the notes are the built-in sample is seen here. */
function ofSomebody(event: LedgerEvent): LedgerEvent {
  if (event.kind !== 'cohort') return event;
  const { isAboutNobody: _, ...cohort } = event;
  return cohort;
}

/** Of a cohort without a row among the sample's notes nobody here knows whose it is. */
function ofRowsAtHand(event: LedgerEvent): LedgerEvent {
  return event.kind === 'cohort' && event.isAboutNobody === true && (event.rowHashes ?? []).length > 0 ? event : ofSomebody(event);
}

/** Opening is asked for once more: what a file says was spent counts for good, and it may be damaged, or somebody's who means no good. */
function exhaustsOthers(count: number, before: number, left: number): BedsideError {
  const values = { count, before: roundDownTo(before, 2), left: roundDownTo(left, 2) };
  return new BedsideError('project/exhausts-others', 'budget', `By what this file says was spent or may be spent, ${count === 1 ? 'a data set' : `${count} data sets`} of this device would have next to nothing left: epsilon ${values.left} where there is ${values.before}. Nothing was opened.`, 'Open it only if you trust where it came from: what was spent counts for good, and only erasing the whole ledger undoes it. If its notes are of other people, say so on its Train page afterwards.', values);
}

/** Of what is left before, what is next to nothing. Where less than the least was left, nothing can be lost. */
const USABLE_SHARE = 0.05;
const LEAST_USABLE = 0.01;

/** What a data set may still spend, by its limit and by what copies brought along that may hold its people. */
function leftOf(state: LedgerState, splitId: string, { epsilonLimit, epsilonSpent }: Balance): number {
  return Math.max(0, Math.min(epsilonLimit - epsilonSpent, ...state.allowances(splitId).map((one) => one.epsilon - one.epsilonSpent)));
}

/** The data sets that have something to spend here and would not have afterwards. */
function exhaustedBy(ledger: Ledger, events: readonly LedgerEvent[]): readonly { readonly before: number; readonly left: number }[] {
  return ledger.bounds.tightly(() => {
    const [now, then] = [ledger.preview([]), ledger.previewMerge(events)];
    const splits = new Set(now.cohortIds.flatMap((id) => now.splitOf(id) ?? []));
    return [...splits].flatMap((id) => {
      const [balance, after] = [now.balance(id), then.balance(id)];
      if (!balance || !after) return [];
      const [before, left] = [leftOf(now, id, balance), leftOf(then, id, after)];
      return before >= LEAST_USABLE && left <= USABLE_SHARE * before ? [{ before, left }] : [];
    });
  });
}

/** What a run needs to go on is not in a file, and a file may say anything: what had not ended there has ended here. */
function stateFromFile(state: RunState): RunState {
  return state === 'finished' || state === 'stopped' ? state : 'failed';
}

/**
 * Takes a project in under new ids. The ledger comes first: if saving fails afterwards, more is counted as spent, never less.
 * Row hashes are computed anew under this installation's key, and events merge by id. What its runs promise is worked out anew, from the releases that the file names.
 * @throws what `withPromisesOfOwn` throws, taking nothing in, where a run is said to promise what its releases do not;
 * project/exhausts-others, taking nothing in, where a data set of this device would have next to nothing left and `mayExhaust` does not say that it may.
 */
export async function importProject(database: BedsideDatabase, ledger: LedgerKeeper, file: Blob, mayExhaust = false): Promise<string> {
  const { project, table, runs, models, results, ledger: shared } = withPromisesOfOwn(readProjectFile(await unzip(file)));
  const dataset = datasetOf(table, project.columnRoles);
  if (dataset) {
    const key = await ledger.key();
    const held = await ledger.ledger();
    const known = held.preview([]);
    const events = eventsOfShare(shared, await hashesOfNotes(dataset, key), keyIdOf(key), namingOf(dataset, key), (id) => known.event(id) !== undefined);
    const incoming = events.map(dataset.isSynthetic ? ofRowsAtHand : ofSomebody);
    if (!mayExhaust) {
      const exhausted = exhaustedBy(held, incoming);
      const [worst] = [...exhausted].sort((a, b) => b.before - b.left - (a.before - a.left));
      if (worst) throw exhaustsOthers(exhausted.length, worst.before, worst.left);
    }
    await held.merge(incoming);
  }
  const now = Date.now();
  const { name, fileName, isSynthetic, columnRoles, sentences, epsilonLimit, runsStarted } = project;
  const record: ProjectRecord = {
    id: crypto.randomUUID(), name, fileName, isSynthetic, columnRoles, sentences, epsilonLimit, runsStarted,
    createdAtMs: now, openedAtMs: now, rowCount: table.rows.length, noteCount: dataset?.notes.length ?? null,
  };
  // The ledger speaks of a run by its first id; a second copy of the project gets runs of its own.
  const newId = new Map<string, string>(runs.map(({ id }) => [id, crypto.randomUUID()]));
  await inTransaction(database, ['projects', 'tables', 'datasets', 'runs', 'models', 'results'], 'readwrite', async (transaction) => {
    const runStore = transaction.objectStore('runs');
    for (const { id } of runs) if (!(await runStore.getKey(id))) newId.set(id, id);
    await Promise.all([
      transaction.objectStore('projects').add(record),
      transaction.objectStore('tables').add({ projectId: record.id, table }),
      ...(dataset ? [transaction.objectStore('datasets').add({ projectId: record.id, dataset })] : []),
      ...runs.map((run): Promise<unknown> => runStore.add({ ...run, state: stateFromFile(run.state), id: newId.get(run.id)!, projectId: record.id, isFromFile: true } satisfies RunRecord)),
      ...models.flatMap((model) => (newId.has(model.runId) ? [transaction.objectStore('models').add({ ...model, runId: newId.get(model.runId)!, projectId: record.id })] : [])),
      ...results.flatMap((result) => {
        const runId = newId.get(result.runId);
        return runId ? [transaction.objectStore('results').add({ runId, projectId: record.id, results: { ...result.results, run: { ...result.results.run, id: runId } } })] : [];
      }),
    ]);
  });
  return record.id;
}
