import { buildDataset } from '../data/dataset.ts';
import type { ColumnRole, Dataset, RawTable } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { olderAllowance, type SharedLedger } from './ledger-share.ts';
import type { ModelRecord, ProjectRecord, ResultsRecord, RunRecord } from './records.ts';
import { fromTaggedJson } from './tagged-json.ts';

export const projectFormat = 'bedside-project';
/** Version 1 said nothing of the budget that a copy may spend. */
export const projectFormatVersion = 2;

/** What a project file holds, one entry of the zip each. Everything of a project but cached features and hashes. */
export interface ProjectFile {
  readonly project: Pick<ProjectRecord, 'name' | 'fileName' | 'isSynthetic' | 'columnRoles' | 'sentences' | 'epsilonLimit' | 'runsStarted'> & { readonly format: typeof projectFormat; readonly version: typeof projectFormatVersion };
  readonly table: RawTable;
  readonly runs: readonly RunRecord[];
  readonly models: readonly ModelRecord[];
  readonly results: readonly ResultsRecord[];
  readonly ledger: SharedLedger;
}

export const projectFileParts = ['project', 'table', 'runs', 'models', 'results', 'ledger'] as const;

export function notAProjectFile(what: string): BedsideError {
  return new BedsideError('input/project-file', 'input', `This is no project file of Bedside: ${what}. Nothing was imported.`, 'Choose a file that was saved with “Save to a file” in the menu of a project.', { what });
}

function tooNew(version: number): BedsideError {
  return new BedsideError('input/project-file-newer', 'input', `This project file is of version ${version}, and this Bedside reads versions up to ${projectFormatVersion}. Nothing was imported.`, 'Open it with the version of Bedside that saved it, or a newer one.', { version });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
/** A limit of the budget: with another no budget could be entered for the notes. */
const amount: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const flag: Check = (value) => typeof value === 'boolean';
const absent: Check = (value) => value === undefined;
const object: Check = isRecord;
const floats: Check = (value) => value instanceof Float32Array;
const listOf = (item: Check): Check => (value) => Array.isArray(value) && value.every(item);
const has = (fields: Readonly<Record<string, Check>>): Check => (value) => isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
const either = (...checks: readonly Check[]): Check => (value) => checks.some((check) => check(value));

const oneOf = (...values: readonly string[]): Check => (value) => typeof value === 'string' && values.includes(value);
/** These stand in a model card, which is Markdown. */
const word: Check = (value) => typeof value === 'string' && /^[A-Za-z0-9]{1,40}$/.test(value);
const backendName = oneOf('reference', 'wasm', 'webgpu');
const texts: Check = (value) => isRecord(value) && Object.values(value).every(text);
const rawRow = has({ row: number, cells: listOf(text) });
const checks: Readonly<Record<(typeof projectFileParts)[number], Check>> = {
  project: has({ format: (value) => value === projectFormat, version: (value) => value === projectFormatVersion, name: text, fileName: text, isSynthetic: flag, columnRoles: texts, sentences: texts, epsilonLimit: amount, runsStarted: number }),
  table: has({ fileName: text, format: text, encoding: text, header: listOf(text), rows: listOf(rawRow), unreadable: listOf(has({ row: number, code: text, values: object, cells: listOf(text) })) }),
  runs: listOf(has({ id: text, number, state: oneOf('running', 'paused', 'finished', 'stopped', 'failed', 'interrupted'), plan: has({ kind: text, unit: text, maximumLength: number, heldOutShare: number, seed: number }), startedAtMs: number, seconds: number, stepsDone: number, steps: number, energyWh: object, carbonGrams: object, points: listOf(object), checkedDevice: either(absent, has({ backend: backendName, checksPassed: number, hasGolden: flag, refused: listOf(has({ backend: backendName, operation: word, layer: either(absent, number) })) })), facts: either(absent, has({ trainingRows: number, trainingUnits: number, heldOutUnits: number, labels: listOf(text), isSynthetic: flag, codeVersion: text })) })),
  models: listOf(has({ runId: text, encoderSha256: text, model: either(has({ kind: (value) => value === 'head', labels: listOf(text), weights: floats, maximumLength: number }), has({ kind: (value) => value === 'lora', labels: listOf(text), theta: floats, maximumLength: number })) })),
  results: listOf(has({ runId: text, results: has({ run: object, labels: listOf(text), classification: object, calibration: object, temperature: number, groups: listOf(object), statement: object }) })),
  ledger: has({ cohorts: listOf(has({ event: has({ kind: (value) => value === 'cohort', id: text, cohortId: text, splitId: text, part: text, unit: text }), rows: listOf(number), persons: listOf(number) })), events: listOf(has({ kind: (value) => value === 'budget' || value === 'charge' || value === 'run', id: text })), allowance: either((value) => value === null, has({ id: text, epsilon: number, delta: number, givenBy: listOf(text) })) }),
};

/** Brings a file of version 1 to the present form. */
function upgraded(parts: Record<string, unknown>): Record<string, unknown> {
  const { project, ledger } = parts;
  if (!isRecord(project) || project.format !== projectFormat) return parts;
  if (typeof project.version === 'number' && project.version > projectFormatVersion) throw tooNew(project.version);
  if (project.version !== 1 || !isRecord(ledger)) return parts;
  const older = { ...ledger, allowance: null };
  if (!isSharedLedger(older)) return parts;
  return { ...parts, project: { ...project, version: projectFormatVersion }, ledger: { ...older, allowance: olderAllowance(older) } };
}

function isSharedLedger(value: Record<string, unknown>): value is Record<string, unknown> & SharedLedger {
  return checks.ledger(value);
}

/** Reads one entry; its shape is held afterwards, and what goes deeper is held by the ledger and by `buildDataset`. */
function readPart(entries: ReadonlyMap<string, string>, part: (typeof projectFileParts)[number]): unknown {
  const content = entries.get(`${part}.json`);
  if (content === undefined) throw notAProjectFile(`it has no ${part}.json`);
  let value: unknown;
  try {
    value = fromTaggedJson(content);
  } catch {
    throw notAProjectFile(`${part}.json is not JSON`);
  }
  return value;
}

function isProjectFile(value: Record<string, unknown>): value is Record<string, unknown> & ProjectFile {
  return projectFileParts.every((part) => checks[part](value[part]));
}

/** Throws `input/project-file`, naming the part, where the file is not one of ours. */
export function readProjectFile(entries: ReadonlyMap<string, string>): ProjectFile {
  const parts = upgraded(Object.fromEntries(projectFileParts.map((part) => [part, readPart(entries, part)])));
  for (const part of projectFileParts) if (!checks[part](parts[part])) throw notAProjectFile(`${part}.json does not have the expected form`);
  if (!isProjectFile(parts)) throw notAProjectFile('it does not have the expected form');
  const width = parts.table.header.length;
  if (!parts.table.rows.every(({ cells }) => cells.length === width)) throw notAProjectFile('a row of table.json does not fit its header');
  return parts;
}

/** The data set of an imported table; null where its columns were never confirmed. */
export function datasetOf(table: RawTable, roles: Readonly<Record<string, ColumnRole>>): Dataset | null {
  return Object.keys(roles).length === 0 ? null : buildDataset(table, roles);
}
