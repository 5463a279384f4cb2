import type { DBSchema, IDBPDatabase } from 'idb';
import { openDatabase } from './open-database.ts';
import type { CheckpointRecord, DatasetRecord, FeaturesRecord, HashesRecord, ModelRecord, ProjectRecord, ResultsRecord, RunRecord, TableRecord } from './records.ts';

export interface BedsideSchema extends DBSchema {
  projects: { key: string; value: ProjectRecord };
  tables: { key: string; value: TableRecord };
  datasets: { key: string; value: DatasetRecord };
  hashes: { key: string; value: HashesRecord };
  features: { key: string; value: FeaturesRecord };
  runs: { key: string; value: RunRecord; indexes: { projectId: string } };
  checkpoints: { key: string; value: CheckpointRecord; indexes: { projectId: string } };
  models: { key: string; value: ModelRecord; indexes: { projectId: string } };
  results: { key: string; value: ResultsRecord; indexes: { projectId: string } };
  /** Choices of this installation, e.g. 'backend'. */
  settings: { key: string; value: string };
}

export type BedsideDatabase = IDBPDatabase<BedsideSchema>;

export const databaseName = 'bedside';
/** Stores that hold something of a project, by project id or by the index of that name. */
export const storesByProject = ['tables', 'datasets', 'hashes', 'features'] as const;
export const storesByRun = ['runs', 'checkpoints', 'models', 'results'] as const;

const version = 2;

/** Opens the database of projects. Throws storage errors where another tab blocks it or the browser has none. */
export function openBedsideDatabase(name: string = databaseName): Promise<BedsideDatabase> {
  return openDatabase<BedsideSchema>(name, version, (database, from) => {
    // One step a version; a step is never changed once it has been released.
    if (from < 1) {
      database.createObjectStore('projects', { keyPath: 'id' });
      database.createObjectStore('settings');
      for (const store of ['tables', 'datasets', 'hashes'] as const) database.createObjectStore(store, { keyPath: 'projectId' });
      database.createObjectStore('runs', { keyPath: 'id' }).createIndex('projectId', 'projectId');
      database.createObjectStore('checkpoints', { keyPath: 'runId' }).createIndex('projectId', 'projectId');
      database.createObjectStore('models', { keyPath: 'runId' }).createIndex('projectId', 'projectId');
      database.createObjectStore('results', { keyPath: 'runId' }).createIndex('projectId', 'projectId');
    }
    if (from < 2) database.createObjectStore('features', { keyPath: 'projectId' });
  });
}
