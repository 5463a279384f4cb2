import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { hexToBytes } from '../ground/bytes.ts';
import { BedsideError } from '../ground/errors.ts';
import type { LedgerEntry, LedgerHead, LedgerStore } from '../privacy/events.ts';

/** Where spending is kept when no file is named: one ledger an account, because the budget belongs to the rows and not to a folder. */
export function defaultLedgerPath(): string {
  // Set to nothing is not set.
  return process.env['BEDSIDE_LEDGER'] || join(homedir(), '.bedside', 'ledger.jsonl');
}

function ledgerError(code: string, message: string, hint: string, path: string): BedsideError {
  return new BedsideError(`storage/${code}`, 'storage', message, hint, { path });
}

/** A rename or a new file is durable once its folder is. Not every system lets a folder be opened; there the file's own sync must do. */
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | null = null;
  try {
    folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && ['EISDIR', 'EPERM', 'EINVAL', 'EACCES'].includes(String(error.code)))) throw error;
  } finally {
    await folder?.close();
  }
}

async function writeDurably(path: string, text: string, flags: 'w' | 'a' | 'wx', mode = 0o600): Promise<void> {
  const file = await open(path, flags, mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(path);
}

function parseLine(line: string, path: string): LedgerEntry {
  try {
    // The chain's hashes are checked by the ledger, over everything that is in the entry.
    const entry: LedgerEntry = JSON.parse(line);
    return entry;
  } catch {
    throw ledgerError('ledger-unreadable', `${path} holds a line that is no ledger entry.`, 'Restore the file from a copy; until then no budget is left.', path);
  }
}

/** Holds `<ledger>.lock` while `work` runs, so that two commands do not write at once. A lock whose process is gone is taken over. */
async function locked<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const lock = `${path}.lock`;
  for (let attempt = 0; ; attempt++) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
      if (holder > 0 && !isAlive(holder)) await rm(lock, { force: true });
      else if (attempt >= 100) throw ledgerError('ledger-locked', `${path} is in use by another command.`, `Wait for it to end; if none runs, remove ${lock}.`, path);
      else await new Promise((resume) => setTimeout(resume, 50));
    }
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export interface NodeLedgerStore extends LedgerStore {
  readonly path: string;
  /** The secret key of row and person hashes, made on first use. */
  installationKey(): Promise<Uint8Array>;
}

/**
 * The ledger as a file of one JSON entry a line, its head in `<ledger>.head` and its hash key in `<ledger>.key`.
 * Guarantee: `append` resolves after entries and head are synced to the disk. Entries are written before the head: cut off in between, the entries
 * that the head does not know yet still count, and a line that was cut short was never acknowledged and is dropped.
 */
export function openNodeLedgerStore(file: string): NodeLedgerStore {
  const path = resolve(file);
  const headPath = `${path}.head`;

  /** Whole lines of the file, and whether a line that was cut short follows them. */
  async function lines(): Promise<{ readonly whole: string[]; readonly isCut: boolean }> {
    if (!existsSync(path)) return { whole: [], isCut: false };
    const parts = (await readFile(path, 'utf8')).split('\n');
    const rest = parts.pop();
    return { whole: parts, isCut: rest !== '' };
  }

  async function read(): Promise<{ readonly entries: readonly LedgerEntry[]; readonly head: LedgerHead | null }> {
    const entries = (await lines()).whole.map((line) => parseLine(line, path));
    const stored: LedgerHead | null = existsSync(headPath) ? JSON.parse(await readFile(headPath, 'utf8')) : null;
    const last = entries.at(-1);
    // A head that stands on an earlier entry of this very chain is one that a crash left behind; a head that is missing is a disagreement.
    const isBehind = last !== undefined && stored !== null && (stored.count === 0 || entries[stored.count - 1]?.hash === stored.hash);
    if (isBehind) return { entries, head: { count: entries.length, hash: last.hash } };
    return { entries, head: stored?.count === 0 ? null : stored };
  }

  return {
    path,
    read,
    async append(entries, after) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await locked(path, async () => {
        const { head } = await read();
        if (head?.hash !== after?.hash || head?.count !== after?.count) throw ledgerError('ledger-moved-on', 'The ledger was written to by another command. Nothing was written.', 'Try again.', path);
        const last = entries.at(-1);
        if (!last) return;
        // From the first entry on there is a head to disagree with.
        if (!existsSync(headPath)) await writeDurably(headPath, JSON.stringify({ count: 0, hash: '' } satisfies LedgerHead), 'wx');
        const { whole, isCut } = await lines();
        const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
        if (isCut) {
          await writeDurably(`${path}.new`, whole.map((line) => `${line}\n`).join('') + text, 'w');
          await rename(`${path}.new`, path);
          await syncFolder(path);
        } else {
          await writeDurably(path, text, 'a');
        }
        await writeDurably(`${headPath}.new`, JSON.stringify({ count: (after?.count ?? 0) + entries.length, hash: last.hash } satisfies LedgerHead), 'w');
        await rename(`${headPath}.new`, headPath);
        await syncFolder(headPath);
      });
    },
    async installationKey() {
      const keyPath = `${path}.key`;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      if (!existsSync(keyPath)) await writeDurably(keyPath, randomBytes(32).toString('hex'), 'wx');
      return hexToBytes((await readFile(keyPath, 'utf8')).trim());
    },
  };
}
