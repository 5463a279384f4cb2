import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from './system-errors.ts';

/** A rename or a new file is durable once its folder is. Not every system lets a folder be opened; there the file's own sync must do. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | null = null;
  try {
    folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES'].includes(systemErrorCode(error) ?? '')) throw error;
  } finally {
    await folder?.close();
  }
}

/** Resolves after the text is on the disk. */
export async function writeDurably(path: string, text: string, flags: 'w' | 'a'): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(path);
}

/** Replaces a file, which is whole or as it was before, also where the disk is full. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const unfinished = `${path}.new`;
  try {
    await writeDurably(unfinished, text, 'w');
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(path);
}
