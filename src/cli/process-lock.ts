import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { systemErrorCode } from './system-errors.ts';

const pauseMs = 50;
const largestAttempts = 100;

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/** Disks without hard links, as those of memory sticks, say so by one of these. */
const linkless = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/** Makes a file that nobody ever sees half written; false where there is one. Of several processes one gets true. Need not outlive a power cut. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const unfinished = `${path}.${randomUUID()}`;
  try {
    await writeFile(unfinished, text, { flag: 'wx', mode: 0o600 });
    await link(unfinished, path).catch((error: unknown) => {
      if (!linkless.includes(systemErrorCode(error) ?? '')) throw error;
      return writeFile(path, text, { flag: 'wx', mode: 0o600 });
    });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** The text of a lock, `<process id> <a word that is never used again>`; null where there is none. */
async function holderOf(lock: string): Promise<string | null> {
  try {
    return (await readFile(lock, 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Only what is written as a lock, by this version or the one before, can be a dead process's; anything else is left to the person. */
function isDead(holder: string): boolean {
  const match = /^(\d+)(?: [0-9a-f-]+)?$/.exec(holder);
  return match !== null && Number(match[1]) > 0 && !isAlive(Number(match[1]));
}

/**
 * Takes the lock `lock` for the holder `own`, or says that it is held.
 *
 * A dead process's lock is replaced, never removed, and only by whoever holds a second lock that is named after the dead holder: there is one of
 * those at a time, so between its look at the dead lock and the rename over it nobody else can have changed it. The dead holder's word comes up
 * only once, so a process that looked earlier finds another holder once it holds the second lock, and lets go. A process that dies
 * on the way leaves a second lock that is dead in its turn, and is replaced by the same rule.
 */
async function take(lock: string, own: string): Promise<boolean> {
  const holder = await holderOf(lock);
  if (holder === null) return createWhole(lock, own);
  if (!isDead(holder)) return false;
  const succession = `${lock}.${holder.replace(' ', '-')}`;
  if (!(await take(succession, own))) return false;
  if ((await holderOf(lock)) !== holder) {
    await rm(succession, { force: true });
    return false;
  }
  await rename(succession, lock);
  return true;
}

/**
 * Holds the lock file while `work` runs, so that two processes do not do it at once. A lock whose process is gone is taken over, by one.
 * @param busy what to throw where another process holds it for longer than five seconds
 */
export async function withProcessLock<Result>(lock: string, busy: () => Error, work: () => Promise<Result>): Promise<Result> {
  const own = `${process.pid} ${randomUUID()}`;
  for (let attempt = 0; !(await take(lock, own)); attempt++) {
    if (attempt >= largestAttempts) throw busy();
    await new Promise((resume) => setTimeout(resume, pauseMs));
  }
  try {
    return await work();
  } finally {
    // A person may have removed it meanwhile, and another process made its own.
    if ((await holderOf(lock)) === own) await rm(lock, { force: true });
  }
}
