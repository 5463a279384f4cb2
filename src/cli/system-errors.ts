import { BedsideError } from '../ground/errors.ts';

type Sentence = (path: string) => readonly [message: string, hint: string];

const full: Sentence = (path) => [`The disk that holds ${path} is full, or its quota is used up.`, 'Make room, or name a place on another disk.'];
const forbidden: Sentence = (path) => [`${path} may not be read or written by this account.`, 'Change its permissions, or name another place.'];
const notFolder: Sentence = (path) => [`${path} runs through a file where a folder is expected.`, 'Name another place, or remove that file.'];
const broken: Sentence = (path) => [`The disk could not read or write ${path}.`, 'Check the disk, or name a place on another one.'];

/** What an operating system's refusal means to the person who named the file, by its number's name. Others are faults of ours. */
const sentences: Readonly<Record<string, Sentence>> = {
  ENOSPC: full, EDQUOT: full,
  EFBIG: (path) => [`${path} would be larger than a file may be there.`, 'Name a place on another disk.'],
  EACCES: forbidden, EPERM: forbidden,
  EROFS: (path) => [`${path} lies on a disk that can only be read.`, 'Name a place that can be written.'],
  ENOTDIR: notFolder, EEXIST: notFolder,
  EISDIR: (path) => [`${path} is a folder, expected a file.`, 'Name a file in it.'],
  ENOENT: (path) => [`There is no ${path}, or no folder for it.`, 'Check the path, and make the folder first.'],
  ENAMETOOLONG: (path) => [`The name ${path.slice(0, 60)}... is longer than this disk allows.`, 'Give a shorter one.'],
  ELOOP: (path) => [`${path} is a link that leads back to itself.`, 'Name the file or folder itself.'],
  EBUSY: (path) => [`${path} is in use by the system.`, 'Name another place.'],
  EXDEV: (path) => [`${path} is the root of a disk of its own.`, 'Name a folder in it.'],
  EMFILE: (path) => [`${path} could not be opened: too many files are open.`, 'Close other programs and try again.'],
  EIO: broken, ENXIO: broken,
};

/** The number's name of a file system error, e.g. `ENOSPC`; null for any other error. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/**
 * What a person can do about an error of the file system, with the path in it or `path`; null where there is nothing, or where it is none.
 * The one place that turns such numbers into sentences: `run-command.ts` asks it for every command.
 */
export function fileSystemError(error: unknown, path?: string): BedsideError | null {
  const code = systemErrorCode(error);
  const sentence = code === null ? undefined : sentences[code];
  if (code === null || !sentence) return null;
  const where = path ?? (error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : 'the file');
  const [message, hint] = sentence(where);
  return new BedsideError(`storage/${code.toLowerCase()}`, 'storage', message, hint, { path: where });
}

/** Runs `work`; what the system refuses becomes a sentence that names `path`, as the person gave it. */
export async function naming<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw fileSystemError(error, path) ?? error;
  }
}
