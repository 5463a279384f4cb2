import type { ColumnRole, Dataset, RawTable } from '../data/table.ts';
import { defaultEpsilonLimit } from '../training/default-limit.ts';
import type { Project } from './bedside.service.ts';
import { storesByProject, storesByRun, type BedsideDatabase } from './database.ts';
import { liveRunIds, withInterruption } from './live-runs.ts';
import { summaryOfRun, viewOfDataset } from './project-summary.ts';
import { unusedName } from './project-name.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import { nextRunNumber } from './run-number.ts';
import { recordMissing, runGoesOn } from './storage-errors.ts';
import { inTransaction } from './transaction.ts';

function nameOfFile(fileName: string): string {
  return fileName.replace(/\.[^.]+$/, '') || fileName;
}

/** Saves a parsed table as a new project, in one transaction, under a name that no other has. */
export async function createProject(database: BedsideDatabase, table: RawTable, isSynthetic: boolean, sentences: Readonly<Record<string, string>> = {}): Promise<ProjectRecord> {
  const now = Date.now();
  const project: ProjectRecord = {
    id: crypto.randomUUID(),
    name: nameOfFile(table.fileName),
    fileName: table.fileName,
    isSynthetic,
    createdAtMs: now,
    openedAtMs: now,
    rowCount: table.rows.length,
    noteCount: null,
    columnRoles: {},
    sentences,
    epsilonLimit: defaultEpsilonLimit,
    runsStarted: 0,
  };
  return inTransaction(database, ['projects', 'tables'], 'readwrite', async (transaction) => {
    const projects = transaction.objectStore('projects');
    const named = { ...project, name: unusedName(project.name, (await projects.getAll()).map(({ name }) => name)) };
    await Promise.all([projects.add(named), transaction.objectStore('tables').add({ projectId: project.id, table })]);
    return named;
  });
}

export async function listProjects(database: BedsideDatabase): Promise<readonly { record: ProjectRecord; runs: readonly RunRecord[] }[]> {
  const live = await liveRunIds();
  return inTransaction(database, ['projects', 'runs'], 'readonly', async (transaction) => {
    const [records, runs] = await Promise.all([transaction.objectStore('projects').getAll(), transaction.objectStore('runs').getAll()]);
    return records.sort((a, b) => b.openedAtMs - a.openedAtMs).map((record) => ({ record, runs: runs.filter((run) => run.projectId === record.id).map((run) => withInterruption(run, live)) }));
  });
}

/** Throws `storage/missing` where it has been deleted. */
export async function readProject(database: BedsideDatabase, id: string): Promise<ProjectRecord> {
  const record = await inTransaction(database, ['projects'], 'readonly', (transaction) => transaction.objectStore('projects').get(id));
  if (!record) throw recordMissing('project');
  return record;
}

export async function readTable(database: BedsideDatabase, id: string): Promise<RawTable> {
  const record = await inTransaction(database, ['tables'], 'readonly', (transaction) => transaction.objectStore('tables').get(id));
  if (!record) throw recordMissing('table');
  return record.table;
}

/** The data set that was read last, by database: a plan asks for the same notes over and over, and 100,000 of them take a second to read. */
const lastRead = new WeakMap<BedsideDatabase, { readonly id: string; roles: string; readonly reading: Promise<Dataset> }>();

/** A project's table never changes, so that its columns say which data set it has. */
function rolesName({ columnRoles, noteCount }: ProjectRecord): string {
  return JSON.stringify([columnRoles, noteCount]);
}

/** The confirmed notes of a project. Whoever asks for the same ones gets the same object. */
export async function readDataset(database: BedsideDatabase, id: string): Promise<Dataset> {
  const roles = rolesName(await readProject(database, id));
  const known = lastRead.get(database);
  if (known?.id === id && known.roles === roles) return known.reading;
  const reading = inTransaction(database, ['projects', 'datasets'], 'readonly', (transaction) => Promise.all([transaction.objectStore('projects').get(id), transaction.objectStore('datasets').get(id)]));
  const entry = {
    id,
    roles,
    reading: reading.then(([project, record]) => {
      if (!project || !record) throw recordMissing('data set');
      // The columns may have been changed since they were looked at.
      entry.roles = rolesName(project);
      return record.dataset;
    }),
  };
  lastRead.set(database, entry);
  entry.reading.catch(() => {
    if (lastRead.get(database) === entry) lastRead.delete(database);
  });
  return entry.reading;
}

/** Lets go of a project's notes: they have been deleted. */
export function forgetDataset(database: BedsideDatabase, id: string): void {
  if (lastRead.get(database)?.id === id) lastRead.delete(database);
}

/** Everything the page shows of a project; marks it as opened now. */
export async function openProject(database: BedsideDatabase, id: string): Promise<Project> {
  const live = await liveRunIds();
  const { record, runs } = await inTransaction(database, ['projects', 'runs'], 'readwrite', async (transaction) => {
    const projects = transaction.objectStore('projects');
    const record = await projects.get(id);
    if (!record) throw recordMissing('project');
    const [runs] = await Promise.all([transaction.objectStore('runs').index('projectId').getAll(id), projects.put({ ...record, openedAtMs: Date.now() })]);
    return { record, runs };
  });
  const dataset = record.noteCount === null ? null : await readDataset(database, id);
  return {
    id,
    name: record.name,
    fileName: record.fileName,
    dataset: dataset && viewOfDataset(dataset),
    columnRoles: record.columnRoles,
    sentences: record.sentences,
    runs: runs.sort((a, b) => a.number - b.number).map((run) => summaryOfRun(withInterruption(run, live))),
    nextRunNumber: nextRunNumber(record),
  };
}

/** Changes fields of a project record in one transaction. */
export async function changeProject(database: BedsideDatabase, id: string, change: (record: ProjectRecord) => ProjectRecord): Promise<ProjectRecord> {
  return inTransaction(database, ['projects'], 'readwrite', async (transaction) => {
    const projects = transaction.objectStore('projects');
    const record = await projects.get(id);
    if (!record) throw recordMissing('project');
    const changed = change(record);
    await projects.put(changed);
    return changed;
  });
}

/** Names the columns whose texts are the notes: equal for two choices of columns that read the same texts. */
export function textColumnsOf(roles: Readonly<Record<string, ColumnRole>>): string {
  return JSON.stringify(Object.keys(roles).filter((name) => roles[name] === 'text').sort());
}

/** Confirms columns: roles and data set are saved together, and hashes of earlier columns and features of other texts go. */
export async function saveDataset(database: BedsideDatabase, id: string, roles: Readonly<Record<string, ColumnRole>>, dataset: Dataset): Promise<void> {
  await inTransaction(database, ['projects', 'datasets', 'hashes', 'features'], 'readwrite', async (transaction) => {
    const projects = transaction.objectStore('projects');
    const record = await projects.get(id);
    if (!record) throw recordMissing('project');
    if (textColumnsOf(roles) !== textColumnsOf(record.columnRoles)) await transaction.objectStore('features').delete(id);
    await Promise.all([projects.put({ ...record, columnRoles: roles, noteCount: dataset.notes.length }), transaction.objectStore('datasets').put({ projectId: id, dataset }), transaction.objectStore('hashes').delete(id)]);
    lastRead.set(database, { id, roles: rolesName({ ...record, columnRoles: roles, noteCount: dataset.notes.length }), reading: Promise.resolve(dataset) });
  });
}

/** A second project with the same notes, columns and sentences. Same texts give the same hashes, so the budget is shared; runs stay with the first. */
export async function duplicateProject(database: BedsideDatabase, id: string): Promise<ProjectRecord> {
  return inTransaction(database, ['projects', 'tables', 'datasets'], 'readwrite', async (transaction) => {
    const [all, table, dataset] = await Promise.all([transaction.objectStore('projects').getAll(), transaction.objectStore('tables').get(id), transaction.objectStore('datasets').get(id)]);
    const record = all.find((one) => one.id === id);
    if (!record || !table) throw recordMissing('project');
    const now = Date.now();
    const copy: ProjectRecord = { ...record, id: crypto.randomUUID(), name: unusedName(record.name, all.map((one) => one.name)), createdAtMs: now, openedAtMs: now, runsStarted: 0 };
    await Promise.all([
      transaction.objectStore('projects').add(copy),
      transaction.objectStore('tables').add({ projectId: copy.id, table: table.table }),
      ...(dataset ? [transaction.objectStore('datasets').add({ projectId: copy.id, dataset: dataset.dataset })] : []),
    ]);
    return copy;
  });
}

/** Deletes a project's texts, runs, checkpoints, models and results together; refuses while somebody works on one of its runs. The ledger is another database and keeps its events. */
export async function deleteProject(database: BedsideDatabase, id: string): Promise<void> {
  const live = await liveRunIds();
  await inTransaction(database, ['projects', ...storesByProject, ...storesByRun], 'readwrite', async (transaction) => {
    if ((await transaction.objectStore('runs').index('projectId').getAllKeys(id)).some((runId) => live.has(runId))) throw runGoesOn();
    await transaction.objectStore('projects').delete(id);
    forgetDataset(database, id);
    for (const store of storesByProject) await transaction.objectStore(store).delete(id);
    for (const store of storesByRun) {
      const records = transaction.objectStore(store);
      for (const key of await records.index('projectId').getAllKeys(id)) await records.delete(key);
    }
  });
}
