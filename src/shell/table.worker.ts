/** Tables and projects: parses files, keeps rows in IndexedDB, gives the page what it shows. What reads tables is loaded with the first one: the start page lists projects alone. */
import { cancelledError } from '../data/data-errors.ts';
import type { ColumnGuess, RawTable, TextEncoding } from '../data/table.ts';
import { forOwnersEyes } from '../privacy/doors.ts';
import { openBedsideDatabase } from './database.ts';
import { ownersFile } from './leaving-file.ts';
import { unreadableRows, viewOfDataset } from './project-summary.ts';
import { changeProject, createProject, deleteProject, duplicateProject, listProjects, openProject, readDataset, readTable, saveDataset } from './projects.ts';
import { expose, holdLifeLock } from './remote.ts';
import { logRequestsForPage } from './request-log.ts';
import { recordMissing } from './storage-errors.ts';
import { storedBytes } from './stored-bytes.ts';
import type { TableService } from './table-service.ts';
import { takeTurn } from './turn.ts';

logRequestsForPage();

const opening = openBedsideDatabase();
opening.catch(() => undefined);
const shownRows = 20;
const features = () => import('./feature-store.ts');
/** The reading that can be cancelled: the last one begun. */
let reading = { isCancelled: false };

function decode(bytes: Uint8Array, encoding: TextEncoding): string {
  return new TextDecoder(encoding).decode(bytes);
}

/** The table in hand and what was guessed of it: a project's table never changes, and 100,000 rows take a second to read. */
let inHand: { readonly id: string; readonly table: RawTable; readonly guesses: readonly ColumnGuess[] } | null = null;

async function takeInHand(id: string, table: RawTable) {
  const { guessColumns } = await import('../data/columns.ts');
  return (inHand = { id, table, guesses: guessColumns(table) });
}

async function tableOf(id: string) {
  return inHand?.id === id ? inHand : takeInHand(id, await readTable(await opening, id));
}

async function save(table: RawTable, sentences: Readonly<Record<string, string>> = {}): Promise<string> {
  const { isSampleTable } = await import('../data/sample.ts');
  const { id } = await createProject(await opening, table, isSampleTable(table), sentences);
  await takeInHand(id, table);
  return id;
}

const service: TableService = {
  live: holdLifeLock,
  listProjects: async () => listProjects(await opening),
  readProject: async (id) => {
    const found = (await listProjects(await opening)).find(({ record }) => record.id === id);
    if (!found) throw recordMissing('project');
    return found;
  },
  openProject: async (id) => openProject(await opening, id),
  renameProject: async (id, name) => void (await changeProject(await opening, id, (record) => ({ ...record, name }))),
  duplicateProject: async (id) => {
    return (await duplicateProject(await opening, id)).id;
  },
  deleteProject: async (id) => {
    const database = await opening;
    await deleteProject(database, id);
    if (inHand?.id === id) inHand = null;
    await (await features()).sweepFeatures(database);
  },

  readFile: async (file, onProgress) => {
    const own = (reading = { isCancelled: false });
    const [bytes, { parseTable }] = await Promise.all([file.arrayBuffer().then((buffer) => new Uint8Array(buffer)), import('../data/parse.ts')]);
    const table = await parseTable({ fileName: file.name, bytes, decode, onProgress: ({ done, total }) => onProgress({ done, total }), pause: takeTurn, isCancelled: () => own.isCancelled });
    const id = await save(table);
    // Cancelled while it was being saved: whoever cancels finds nothing of it afterwards.
    if (!own.isCancelled) return id;
    await deleteProject(await opening, id);
    inHand = null;
    throw cancelledError();
  },
  cancelRead: async () => {
    reading.isCancelled = true;
  },
  openSample: async () => {
    const { sampleSentences, sampleTable } = await import('../data/sample.ts');
    return save(sampleTable(), sampleSentences);
  },
  preview: async (id) => {
    const { table, guesses } = await tableOf(id);
    const { fileName, format, encoding, header, rows, unreadable } = table;
    return { table: { fileName, format, encoding, header }, rowCount: rows.length, columns: guesses, firstRows: rows.slice(0, shownRows).map((row) => row.cells), unreadable: unreadableRows(unreadable) };
  },
  setColumns: async (id, roles) => {
    const database = await opening;
    const { table, guesses } = await tableOf(id);
    const { buildDataset } = await import('../data/dataset.ts');
    const dataset = buildDataset(table, roles, guesses);
    await saveDataset(database, id, roles, dataset);
    await (await features()).sweepFeatures(database);
    return viewOfDataset(dataset);
  },
  setSentences: async (id, sentences) => void (await changeProject(await opening, id, (record) => ({ ...record, sentences }))),
  setAsideRows: async (id) => {
    const database = await opening;
    const [{ table }, dataset, { setAsideCsv }] = await Promise.all([tableOf(id), readDataset(database, id), import('../data/set-aside.ts')]);
    return ownersFile(forOwnersEyes([setAsideCsv(table.header, dataset.problems)]), 'text/csv');
  },
  clearFeatures: async () => (await features()).clearFeatures(await opening),
  storedBytes: async () => {
    const database = await opening;
    return { ...(await storedBytes(database)), features: await (await features()).storedFeatures(database) };
  },
};

expose(service);
