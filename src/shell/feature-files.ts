/** Folders of cached note features in the origin's private file system (OPFS), one a project; wherever a worker needs them. */

/** Held shared while a file is written, and alone by whoever removes the folder: a file that is open cannot be removed. */
export function featureLockName(folder: string): string {
  return `bedside-features-${folder}`;
}

/** The folder that holds the projects' folders; null where the browser has no such file system, as in some private windows. */
export async function openFeatureRoot(rootName: string): Promise<FileSystemDirectoryHandle | null> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(rootName, { create: true });
  } catch {
    return null;
  }
}

/** Folder within a project's own, of outputs token by token: a file a row. */
export const outputsFolder = 'outputs';

/** Folders of each database lie apart, so that whoever tidies up removes nothing of another one. */
export function featureRootName(databaseName: string): string {
  return `${databaseName}-features`;
}

interface SyncFile {
  write(bytes: Uint8Array<ArrayBuffer>): number;
  close(): void;
}

interface SyncFileHandle {
  createSyncAccessHandle(): Promise<SyncFile>;
}

/** Only dedicated workers have it, and it is all that Safari writes with. */
function canWrite(handle: object): handle is SyncFileHandle {
  return 'createSyncAccessHandle' in handle;
}

/** Writes a new file whole; on any failure removes what there is of it and throws. Never makes the folder anew: one that was deleted stays deleted. */
export async function writeFeatureFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const handle = await folder.getFileHandle(name, { create: true });
  try {
    if (!canWrite(handle)) throw new DOMException('no sync access', 'NotSupportedError');
    const file = await handle.createSyncAccessHandle();
    try {
      if (file.write(bytes) !== bytes.length) throw new DOMException('cut short', 'QuotaExceededError');
    } finally {
      file.close();
    }
  } catch (error) {
    await folder.removeEntry(name).catch(() => undefined);
    throw error;
  }
}

export interface FolderSize {
  readonly bytes: number;
  /** Bytes by name; of those in the folder of outputs with its name in front. */
  readonly files: ReadonlyMap<string, number>;
}

/** Files of a project's folder, those of the folder of outputs in it too, and what they take up. Files that vanish meanwhile do not count. */
export async function sizeOfFolder(folder: FileSystemDirectoryHandle): Promise<FolderSize> {
  let bytes = 0;
  const files = new Map<string, number>();
  for await (const entry of folder.values()) {
    if (entry instanceof FileSystemDirectoryHandle) {
      const inside = await sizeOfFolder(entry);
      bytes += inside.bytes;
      for (const [name, size] of inside.files) files.set(`${entry.name}/${name}`, size);
    }
    if (!(entry instanceof FileSystemFileHandle)) continue;
    const file = await entry.getFile().catch(() => null);
    if (!file) continue;
    bytes += file.size;
    files.set(entry.name, file.size);
  }
  return { bytes, files };
}

/** Removes one of the files that `sizeOfFolder` names. */
export async function removeFile(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  const [first, second] = name.split('/') as [string, string?];
  await (second === undefined ? folder : await folder.getDirectoryHandle(first)).removeEntry(second ?? first);
}

/** Removes a project's folder once nobody writes in it. Edge case: where it cannot be removed it stays for the next time. */
export async function removeFolder(root: FileSystemDirectoryHandle, folder: string): Promise<void> {
  await navigator.locks.request(featureLockName(folder), () => root.removeEntry(folder, { recursive: true }).catch(() => undefined));
}
