import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Decode } from '../data/encoding.ts';
import { parseTable } from '../data/parse.ts';
import type { RawTable } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';

export function fileError(code: string, message: string, hint: string): BedsideError {
  return new BedsideError(`input/${code}`, 'input', message, hint);
}

const decode: Decode = (bytes, encoding) => new TextDecoder(encoding).decode(bytes);

/** Bytes of a file that a person named. */
export async function readNamedFile(path: string): Promise<Uint8Array> {
  if (!existsSync(path)) throw fileError('no-file', `There is no file ${path}.`, 'Check the path.');
  if ((await stat(path)).isDirectory()) throw fileError('is-folder', `${path} is a folder, expected a file.`, 'Name the file in it.');
  return readFile(path);
}

/** A CSV, TSV or JSON Lines file. */
export async function readTable(path: string): Promise<RawTable> {
  return parseTable({ fileName: basename(path), bytes: await readNamedFile(path), decode });
}

/** Says which columns there are where one is missing. Column names are the person's, but no row's text. */
export function checkColumn(table: RawTable, option: string, column: string): void {
  if (!table.header.includes(column)) throw fileError('no-column', `${table.fileName} has no column "${column}" (${option}).`, `Its columns are ${table.header.map((name) => `"${name}"`).join(', ')}.`);
}

/** Files of a folder, by name. */
export async function readFolder(folder: string): Promise<Map<string, Uint8Array>> {
  if (!existsSync(folder) || !(await stat(folder)).isDirectory()) throw fileError('no-folder', `There is no folder ${folder}.`, 'Name the folder that `train` wrote.');
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isFile()) files.set(entry.name, await readFile(join(folder, entry.name)));
  return files;
}

/** Refuses, before the work, a folder that holds anything but an earlier model. */
export async function checkOutFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  if (!(await stat(folder)).isDirectory()) throw fileError('out-is-file', `${folder} is a file, expected a folder for the model.`, 'Give another --out.');
  const names = await readdir(folder);
  if (names.length > 0 && !names.includes('head_config.json')) throw fileError('out-not-empty', `${folder} holds files that are no model.`, 'Give a new or empty folder as --out.');
}

/** Writes files beside the target and renames, so that the folder is there whole or not at all; an earlier model is replaced. */
export async function writeModelFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const target = resolve(folder);
  const unfinished = `${target}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(unfinished, name), bytes);
  await mkdir(dirname(target), { recursive: true });
  await rm(target, { recursive: true, force: true });
  await rename(unfinished, target);
}
