import type { ColumnRole } from '../data/table.ts';
import type { OwnersEyes } from '../privacy/doors.ts';
import type { BedsideService, DatasetView, Progress, Project } from './bedside.service.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import type { Living } from './remote.ts';

export interface ListedProject {
  readonly record: ProjectRecord;
  readonly runs: readonly RunRecord[];
}

/** The worker that knows tables and projects; it keeps their rows off the page. */
export interface TableService extends Living {
  listProjects(): Promise<readonly ListedProject[]>;
  readProject(id: string): Promise<ListedProject>;
  openProject(id: string): Promise<Project>;
  renameProject(id: string, name: string): Promise<void>;
  duplicateProject(id: string): Promise<string>;
  deleteProject(id: string): Promise<void>;
  /** Parses a file and saves it as a new project, whole or not at all. */
  readFile(file: File, onProgress: (progress: Progress) => void): Promise<string>;
  /** The reading in progress rejects with code `cancelled`, and nothing is saved. */
  cancelRead(): Promise<void>;
  openSample(): Promise<string>;
  preview(id: string): ReturnType<BedsideService['preview']>;
  setColumns(id: string, roles: Readonly<Record<string, ColumnRole>>): Promise<DatasetView>;
  setSentences(id: string, sentences: Readonly<Record<string, string>>): Promise<void>;
  setAsideRows(id: string): Promise<OwnersEyes<Blob>>;
  /** Removes the cached features of every project's notes. */
  clearFeatures(): Promise<void>;
  storedBytes(): Promise<StoredBytes>;
}

/** Projects and models are estimated from the text and arrays kept; features are the lengths of their files. */
export type StoredBytes = Readonly<Record<'projects' | 'models' | 'features', { readonly bytes: number; readonly count: number }>>;
