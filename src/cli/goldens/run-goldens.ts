import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isJsonObject } from '../../engine/model/json.ts';
import { Tally, type FamilyReport } from './compare.ts';
import type { Format, JsonObject, Source } from './format.ts';
import { formats } from './formats.ts';

export interface FileReport {
  readonly file: string;
  readonly format: string;
  readonly families: readonly FamilyReport[];
  /** All entries; those without a kept run are neither passed nor failed. */
  readonly entries: number;
  readonly passed: number;
  readonly failed: number;
  readonly noKeptRun: number;
  /** Over fields that must be equal. */
  readonly worstAbsolute: number;
  readonly worstRelative: number;
  readonly firstFailures: readonly string[];
}

function unknown(family: string, entries: number, why = `${family}: no such family is known`): FamilyReport {
  return { family, entries, passed: 0, failed: Math.max(1, entries), noKeptRun: 0, worstAbsolute: 0, worstRelative: 0, worstRelativeAt: null, status: 'unknown family', notes: [], firstFailures: [why], unknownFields: [] };
}

async function runFamily({ families }: Format, name: string, entries: readonly JsonObject[], source: Omit<Source, 'index'>): Promise<FamilyReport> {
  const family = typeof families === 'function' ? families(name) : families.find((one) => one.name === name);
  if (!family) return unknown(name, entries.length);
  const { check, fields } = family;
  const tally = new Tally(name, fields);
  for (const [index, entry] of entries.entries()) await tally.entry(`${name} ${index}`, entry, (compare) => check(entry, compare, { ...source, index }));
  return tally.report();
}

function reportOf(file: string, format: string, families: readonly FamilyReport[]): FileReport {
  const total = (count: (family: FamilyReport) => number) => families.reduce((sum, family) => sum + count(family), 0);
  return {
    file,
    format,
    families,
    entries: total(({ entries }) => entries),
    passed: total(({ passed }) => passed),
    failed: total(({ failed }) => failed),
    noKeptRun: total(({ noKeptRun }) => noKeptRun),
    worstAbsolute: Math.max(0, ...families.map(({ worstAbsolute }) => worstAbsolute)),
    worstRelative: Math.max(0, ...families.map(({ worstRelative }) => worstRelative)),
    firstFailures: families.flatMap(({ firstFailures }) => firstFailures).slice(0, 5),
  };
}

/** JSON as Python writes it: bare NaN and Infinity become the words that other files use for them. */
export function parseReference(text: string): unknown {
  // A string is taken whole, so that a word inside one stays as it is.
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) => (token.startsWith('"') ? token : `"${token}"`)));
}

/** Runs one reference file against the code. A file of no known format has one failed entry. `isQuick` leaves out most of what takes long. */
export async function runFile(path: string, folder: string, isQuick = false): Promise<FileReport> {
  const file = basename(path);
  let json: unknown;
  try {
    json = parseReference(await readFile(path, 'utf8'));
  } catch {
    json = null;
  }
  const format = isJsonObject(json) ? formats.find(({ isFormat }) => isFormat(json)) : undefined;
  if (!isJsonObject(json) || !format) return reportOf(file, 'unknown', [unknown('unknown format', 1)]);
  const families: FamilyReport[] = [];
  try {
    for (const [name, entries] of format.entriesOf(json)) families.push(await runFamily(format, name, entries, { folder, json, isQuick }));
  } catch (error) {
    families.push(unknown('malformed', 1, error instanceof Error ? error.message : String(error)));
  }
  return reportOf(file, format.name, families);
}

/** Runs every JSON file of a folder, in order of name. */
export async function runFolder(folder: string, onReport: (report: FileReport) => void, isQuick = false): Promise<readonly FileReport[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const reports: FileReport[] = [];
  for (const name of names) {
    const report = await runFile(join(folder, name), folder, isQuick);
    onReport(report);
    reports.push(report);
  }
  return reports;
}
