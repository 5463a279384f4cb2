/** What a command writes: tried before the work, and kept elsewhere where it fails after it. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, open, readdir, realpath, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { BedsideError } from '../ground/errors.ts';
import type { Releasable } from '../privacy/doors.ts';
import { fileError } from './node-files.ts';
import { fileSystemError, naming } from './system-errors.ts';

/** Room for the model card, the settings and the script beside the weights. */
const besideWeightsBytes = 256 * 1024;

const unfinishedOf = (target: string) => `${target}.unfinished`;

/** Refuses a folder that holds anything but an earlier model. */
async function checkContent(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  if (!(await stat(folder)).isDirectory()) throw fileError('out-is-file', `${folder} is a file, expected a folder for the model.`, 'Give another --out.');
  const names = await readdir(folder);
  if (names.length > 0 && !names.includes('head_config.json')) throw fileError('out-not-empty', `${folder} holds files that are no model.`, 'Give a new or empty folder as --out.');
  // Such a folder cannot be replaced by one that was written beside it.
  if ((await lstat(folder)).dev !== (await stat(dirname(resolve(folder)))).dev) throw fileError('out-is-disk', `${folder} is the root of a disk of its own.`, 'Name a folder in it as --out.');
}

/** Removes the folders above `path`, up to and with `first`, that are empty. */
async function removeEmptyParents(path: string, first: string): Promise<void> {
  for (let folder = dirname(path); folder.length >= first.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}

/**
 * Tries, before anything is charged, whether a model with weights of `bytes` can be written to `folder`: as much is written and synced beside it,
 * and removed again.
 * @throws {BedsideError} what is in the way
 */
export async function checkOutFolder(folder: string, bytes: number): Promise<void> {
  await naming(folder, async () => {
    await checkContent(folder);
    // Of this process alone: another may be trying, or writing, the same folder.
    const unfinished = `${unfinishedOf(resolve(folder))}-${process.pid}`;
    const first = await mkdir(unfinished, { recursive: true });
    try {
      const probe = await open(join(unfinished, 'head.safetensors'), 'wx');
      try {
        // In pieces, and of no pattern that a disk might store as nothing.
        const piece = Buffer.alloc(1 << 20, 'bedside ');
        for (let left = bytes + besideWeightsBytes; left > 0; left -= piece.length) await probe.writeFile(piece.subarray(0, left));
        await probe.sync();
      } finally {
        await probe.close();
      }
    } finally {
      await rm(unfinished, { recursive: true, force: true });
      if (first !== undefined) await removeEmptyParents(unfinished, first);
    }
  });
}

async function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
}

/** Writes files beside the target and renames, so that the folder is there whole or not at all; an earlier model is replaced, or stays where that fails. */
async function replaceFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const target = resolve(folder);
  const unfinished = unfinishedOf(target);
  const earlier = `${target}.earlier`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  try {
    await writeFiles(unfinished, files);
    if (existsSync(target)) {
      await rm(earlier, { recursive: true, force: true });
      await rename(target, earlier);
      await rename(unfinished, target).catch(async (error: unknown) => {
        await rename(earlier, target);
        throw error;
      });
      await rm(earlier, { recursive: true, force: true });
    } else {
      await rename(unfinished, target);
    }
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Writes a model to its folder. It has been paid for: where that fails it is kept in a folder of the system's for temporary files.
 * @throws {BedsideError} where it is kept
 */
export async function writeModelFolder(folder: string, { value: files }: Releasable<ReadonlyMap<string, Uint8Array>>): Promise<void> {
  try {
    await replaceFolder(folder, files);
  } catch (error) {
    const refusal = fileSystemError(error, folder);
    if (!refusal) throw error;
    let kept: string;
    try {
      kept = await mkdtemp(join(tmpdir(), 'bedside-model-'));
      await writeFiles(kept, files);
    } catch {
      throw new BedsideError('storage/model-lost', 'storage', `${refusal.message} Nor could the model be kept in ${tmpdir()}: it is lost, and what it was charged stays charged.`, refusal.hint, { path: folder });
    }
    throw new BedsideError('storage/model-elsewhere', 'storage', `${refusal.message} The model is kept in ${kept}.`, 'Move it from there; nothing need be trained again.', { path: folder, kept });
  }
}

/** Tries, before the work, whether a file can be written. @throws {BedsideError} what is in the way */
export async function checkOutFile(path: string): Promise<void> {
  await naming(path, async () => {
    const isThere = existsSync(path);
    // A pipe's reader would take the trial for the end.
    if (isThere && !(await stat(path)).isFile() && !(await stat(path)).isDirectory()) return;
    await (await open(path, 'a')).close();
    if (!isThere) await rm(path, { force: true });
  });
}

/** Writes a file that is whole or as it was before. What is no file, as a pipe, is written to. */
export async function writeOutFile(path: string, { value: text }: Releasable<string>): Promise<void> {
  await naming(path, async () => {
    if (existsSync(path) && !(await stat(path)).isFile()) return writeFile(path, text);
    const target = existsSync(path) ? await realpath(path) : path;
    const unfinished = unfinishedOf(target);
    try {
      await writeFile(unfinished, text);
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  });
}
