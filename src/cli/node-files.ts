import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
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
