import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import type { RawTable } from '../data/table.ts';
import { openBedsideDatabase, storesByProject, storesByRun, type BedsideDatabase } from './database.ts';
import { runLockName } from './live-runs.ts';
import { withFullDisk } from './testing/full-disk.ts';
import { changeProject, createProject, deleteProject, duplicateProject, listProjects, openProject, readDataset, readTable, saveDataset } from './projects.ts';
import { createRun, saveCheckpoint } from './runs.ts';
import { hashedRows } from './unit-hashes.ts';

const table: RawTable = {
  fileName: 'notes.csv',
  format: 'csv',
  encoding: 'utf-8',
  header: ['note', 'kind', 'who'],
  rows: [
    { row: 2, cells: ['chest pain since monday', 'cardiology', 'a'] },
    { row: 3, cells: ['rash on the left arm', 'dermatology', 'b'] },
    { row: 4, cells: ['', 'dermatology', 'b'] },
  ],
  unreadable: [],
};
const roles = { note: 'text', kind: 'label', who: 'person' } as const;
const plan = { kind: 'label-sentences', maximumLength: 64, unit: 'row', heldOutShare: 0.2, seed: 1 } as const;
const facts = { trainingRows: 2, trainingUnits: 2, heldOutUnits: 0, labels: ['cardiology', 'dermatology'], isSynthetic: false, codeVersion: '0' };

describe('projects', () => {
  let name: string;
  let database: BedsideDatabase;
  beforeEach(async () => {
    name = `projects-test-${crypto.randomUUID()}`;
    database = await openBedsideDatabase(name);
  });
  afterEach(async () => {
    database.close();
    await deleteDB(name);
  });

  async function savedProject(): Promise<string> {
    const { id } = await createProject(database, table, false);
    const dataset = buildDataset(table, roles);
    await saveDataset(database, id, roles, dataset);
    await hashedRows(database, id, dataset, new Uint8Array(32));
    await database.put('features', { projectId: id, folder: id, secret: new Uint8Array(32), textColumns: '["note"]', usedAtMs: 0 });
    return id;
  }

  it('keeps a project over a reopening, with what was confirmed', async () => {
    const id = await savedProject();
    await changeProject(database, id, (record) => ({ ...record, name: 'Clinic', sentences: { cardiology: 'About the heart.' } }));
    database.close();
    database = await openBedsideDatabase(name);
    const project = await openProject(database, id);
    expect(project).toMatchObject({ name: 'Clinic', fileName: 'notes.csv', columnRoles: roles, sentences: { cardiology: 'About the heart.' } });
    expect(project.dataset).toMatchObject({ noteCount: 2, personCount: 2, problemCount: 1, problemCounts: [{ code: 'empty-text', count: 1 }], labels: ['cardiology', 'dermatology'] });
    expect(await readTable(database, id)).toEqual(table);
  });

  it('takes over what the first version of the database held', async () => {
    const old = `projects-test-${crypto.randomUUID()}`;
    const first = await openDB(old, 1, {
      upgrade(made) {
        made.createObjectStore('projects', { keyPath: 'id' });
        made.createObjectStore('settings');
        for (const store of ['tables', 'datasets', 'hashes']) made.createObjectStore(store, { keyPath: 'projectId' });
        for (const store of ['runs']) made.createObjectStore(store, { keyPath: 'id' }).createIndex('projectId', 'projectId');
        for (const store of ['checkpoints', 'models', 'results']) made.createObjectStore(store, { keyPath: 'runId' }).createIndex('projectId', 'projectId');
      },
    });
    await first.put('projects', { id: 'p', name: 'Kept', columnRoles: {} });
    first.close();
    const upgraded = await openBedsideDatabase(old);
    expect((await upgraded.get('projects', 'p'))!.name).toBe('Kept');
    expect([...upgraded.objectStoreNames].sort()).toEqual([...database.objectStoreNames].sort());
    await deleteProject(upgraded, 'p');
    upgraded.close();
    await deleteDB(old);
  });

  it('does not delete a project while somebody works on one of its runs', async () => {
    const id = await savedProject();
    const run = await createRun(database, id, plan, facts, 0);
    await navigator.locks.request(runLockName(run.id), async () => {
      await expect(deleteProject(database, id)).rejects.toMatchObject({ code: 'storage/run-goes-on', family: 'storage' });
      expect(await readTable(database, id)).toEqual(table);
    });
    await deleteProject(database, id);
    await expect(readTable(database, id)).rejects.toMatchObject({ code: 'storage/missing' });
  });

  it('never takes hashes of earlier columns for those of the present ones, even where they were written late', async () => {
    const id = await savedProject();
    const key = new Uint8Array(32);
    const others = { note: 'text', kind: 'label', who: 'ignore' } as const;
    const dataset = buildDataset(table, others);
    await saveDataset(database, id, others, dataset);
    // Somebody who read the project before the change ends hashing after it.
    const before = await hashedRows(database, id, buildDataset(table, roles), key);
    expect(before.map(({ person }) => person)).not.toContain(null);
    expect((await hashedRows(database, id, dataset, key)).map(({ person }) => person)).toEqual([null, null]);
  });

  it('gives a duplicate the same notes and none of the runs', async () => {
    const id = await savedProject();
    await createRun(database, id, plan, facts, 0);
    const copy = await duplicateProject(database, id);
    expect(await readDataset(database, copy.id)).toEqual(await readDataset(database, id));
    expect((await openProject(database, copy.id)).runs).toEqual([]);
    expect((await openProject(database, id)).runs).toHaveLength(1);
  });

  it('announces the number that the next run gets, also where a run is gone from the list', async () => {
    const id = await savedProject();
    await createRun(database, id, plan, facts, 0);
    const second = await createRun(database, id, plan, facts, 0);
    // As in a project file, which leaves out what has not ended.
    await database.delete('runs', second.id);
    const { runs, nextRunNumber } = await openProject(database, id);
    expect(runs.map(({ number }) => number)).toEqual([1]);
    expect((await createRun(database, id, plan, facts, 0)).number).toBe(nextRunNumber);
  });

  it('shows a run that nobody works on as interrupted', async () => {
    const id = await savedProject();
    const run = await createRun(database, id, plan, facts, 10);
    expect((await openProject(database, id)).runs[0]).toMatchObject({ id: run.id, number: 1, state: 'interrupted' });
    await navigator.locks.request(`bedside-run-${run.id}`, async () => {
      expect((await openProject(database, id)).runs[0]!.state).toBe('running');
    });
  });

  it('deletes everything of a project and nothing of another', async () => {
    const [first, second] = [await savedProject(), await savedProject()];
    for (const id of [first, second]) {
      const run = await createRun(database, id, plan, facts, 10);
      await saveCheckpoint(database, run, { version: 1, runId: run.id, plan, step: 1, tensors: { weights: new Float32Array(3) }, counts: {}, elapsedSeconds: 1 });
    }
    await deleteProject(database, first);
    expect((await listProjects(database)).map(({ record }) => record.id)).toEqual([second]);
    for (const store of storesByProject) expect(await database.getAllKeys(store)).toEqual([second]);
    for (const store of storesByRun) for (const record of await database.getAll(store)) expect(record.projectId).toBe(second);
    expect(await database.count('checkpoints')).toBe(1);
  });

  it('does not bring a deleted run back by saving its checkpoint', async () => {
    const id = await savedProject();
    const run = await createRun(database, id, plan, facts, 10);
    await deleteProject(database, id);
    await expect(saveCheckpoint(database, run, { version: 1, runId: run.id, plan, step: 1, tensors: {}, counts: {}, elapsedSeconds: 1 })).rejects.toMatchObject({ code: 'storage/missing' });
    expect(await database.count('checkpoints')).toBe(0);
  });

  it('saves a project whole or not at all when the disk is full', async () => {
    const id = await savedProject();
    await withFullDisk(async () => {
      await expect(createProject(database, table, false)).rejects.toMatchObject({ code: 'storage/quota-exceeded', family: 'storage' });
      await expect(duplicateProject(database, id)).rejects.toMatchObject({ code: 'storage/quota-exceeded' });
      await expect(changeProject(database, id, (record) => ({ ...record, name: 'Lost' }))).rejects.toMatchObject({ code: 'storage/quota-exceeded' });
    });
    expect((await listProjects(database)).map(({ record }) => record.name)).toEqual(['notes']);
    expect(await database.count('tables')).toBe(1);
  });
});
