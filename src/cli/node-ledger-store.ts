import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { hexToBytes } from '../ground/bytes.ts';
import { BedsideError } from '../ground/errors.ts';
import type { LedgerEntry, LedgerHead, LedgerStore } from '../privacy/events.ts';
import { replaceDurably, writeDurably } from './durable-files.ts';
import { withProcessLock } from './process-lock.ts';
import { naming } from './system-errors.ts';

/** Where spending is kept when no file is named: one ledger an account, because the budget belongs to the rows and not to a folder. */
export function defaultLedgerPath(): string {
  // Set to nothing is not set.
  return process.env['BEDSIDE_LEDGER'] || join(homedir(), '.bedside', 'ledger.jsonl');
}

function ledgerError(code: string, message: string, hint: string, path: string): BedsideError {
  return new BedsideError(`storage/${code}`, 'storage', message, hint, { path });
}

/** The chain's hashes are checked by the ledger, over everything that is in an entry. */
function parsed<Value>(text: string, path: string): Value {
  try {
    const value: Value = JSON.parse(text);
    return value;
  } catch {
    throw ledgerError('ledger-unreadable', `${path} holds a line that is none of a ledger.`, 'Restore the file from a copy; until then no budget is left.', path);
  }
}

export interface NodeLedgerStore extends LedgerStore {
  readonly path: string;
  /** The secret key of row and person hashes, made on first use. */
  installationKey(): Promise<Uint8Array>;
}

/** A key of 256 bits as it stands in its file. */
const keyPattern = /^[0-9a-f]{64}$/i;

/**
 * The ledger as a file of one JSON entry a line, its head in `<ledger>.head` and its hash key in `<ledger>.key`; `<ledger>.lock` is there while one writes.
 * Guarantee: `append` resolves after entries and head are synced to the disk. Entries are written before the head: cut off in between, the entries
 * that the head does not know yet still count, and a line that was cut short was never acknowledged and is dropped.
 */
export function openNodeLedgerStore(file: string): NodeLedgerStore {
  const path = resolve(file);
  const headPath = `${path}.head`;
  const keyPath = `${path}.key`;

  async function locked<Result>(work: () => Promise<Result>): Promise<Result> {
    await naming(path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
    const lock = `${path}.lock`;
    return naming(path, () => withProcessLock(lock, () => ledgerError('ledger-locked', `${path} is in use by another command.`, `Wait for it to end; if none runs, remove ${lock}.`, path), work));
  }

  /** Whole lines of the file, and whether a line that was cut short follows them. */
  async function lines(): Promise<{ readonly whole: string[]; readonly isCut: boolean }> {
    if (!existsSync(path)) return { whole: [], isCut: false };
    const parts = (await readFile(path, 'utf8')).split('\n');
    const rest = parts.pop();
    return { whole: parts, isCut: rest !== '' };
  }

  async function storedHead(): Promise<LedgerHead | null> {
    // One that a full disk left empty is none.
    const text = existsSync(headPath) ? await readFile(headPath, 'utf8') : '';
    return text === '' ? null : parsed<LedgerHead>(text, headPath);
  }

  async function snapshot(): Promise<{ readonly whole: readonly string[]; readonly isCut: boolean; readonly entries: readonly LedgerEntry[]; readonly head: LedgerHead | null }> {
    // The head first: another process may write meanwhile, and one that is older than the lines is understood.
    const stored = await storedHead();
    const { whole, isCut } = await lines();
    const entries = whole.map((line) => parsed<LedgerEntry>(line, path));
    const last = entries.at(-1);
    // A head that stands on an earlier entry of this very chain is one that a crash left behind; a head that is missing is a disagreement.
    const isBehind = last !== undefined && stored !== null && (stored.count === 0 || entries[stored.count - 1]?.hash === stored.hash);
    const head = isBehind ? { count: entries.length, hash: last.hash } : stored?.count === 0 ? null : stored;
    return { whole, isCut, entries, head };
  }

  return {
    path,
    async read() {
      const { entries, head } = await naming(path, snapshot);
      return { entries, head };
    },
    append: (entries, after) =>
      locked(async () => {
        // Read under the lock: what others were told of by then is in these lines.
        const { head, whole, isCut } = await snapshot();
        if (head?.hash !== after?.hash || head?.count !== after?.count) throw ledgerError('ledger-moved-on', 'The ledger was written to by another command. Nothing was written.', 'Try again.', path);
        const last = entries.at(-1);
        if (!last) return;
        // From the first entry on there is a head to disagree with.
        if ((await storedHead()) === null) await replaceDurably(headPath, JSON.stringify({ count: 0, hash: '' } satisfies LedgerHead));
        const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
        if (isCut) await replaceDurably(path, whole.map((line) => `${line}\n`).join('') + text);
        else await writeDurably(path, text, 'a');
        await replaceDurably(headPath, JSON.stringify({ count: (after?.count ?? 0) + entries.length, hash: last.hash } satisfies LedgerHead));
      }),
    installationKey: () =>
      locked(async () => {
        let text = existsSync(keyPath) ? (await readFile(keyPath, 'utf8')).trim() : '';
        if (text === '') {
          // A crash during first use leaves an empty key; where entries were hashed under one that is lost, another would make strangers of their rows.
          const isInUse = existsSync(keyPath) && ((await lines()).whole.length > 0 || ((await storedHead())?.count ?? 0) > 0);
          if (isInUse) throw badKey('is empty');
          text = randomBytes(32).toString('hex');
          await replaceDurably(keyPath, text);
        }
        if (!keyPattern.test(text)) throw badKey('holds no key');
        return hexToBytes(text);
      }),
  };

  function badKey(what: string): BedsideError {
    return ledgerError('ledger-key', `${keyPath} ${what}; expected 64 hexadecimal digits. Nothing was charged.`, 'Restore it from a copy: without it the rows of this ledger cannot be told. Where there is none, name another --ledger.', keyPath);
  }
}
