import type { DBSchema, IDBPDatabase } from 'idb';
import type { LedgerEntry, LedgerHead, LedgerStore } from '../privacy/events.ts';
import { openDatabase } from './open-database.ts';
import { ledgerMovedOn, notDurable } from './storage-errors.ts';
import { inTransaction } from './transaction.ts';

interface LedgerSchema extends DBSchema {
  /** The chain, by sequence number. */
  entries: { key: number; value: LedgerEntry };
  /** The chain's end under the one key 'head', apart from the entries. */
  heads: { key: string; value: LedgerHead };
  /** The installation's key of row hashes under 'row-hash'. Never exported. */
  keys: { key: string; value: Uint8Array };
}

export const ledgerDatabaseName = 'bedside-ledger';
const headKey = 'head';
const rowHashKey = 'row-hash';

export interface DurableLedgerStore extends LedgerStore {
  /** The chain's end alone, to see whether another tab has written. */
  head(): Promise<LedgerHead | null>;
  /** The installation's secret key of row and person hashes, made on first use. */
  installationKey(): Promise<Uint8Array>;
  /** Forgets every entry and the head, and the key: old hashes can then be linked to nothing. */
  erase(): Promise<void>;
  close(): void;
}

/** Opens the ledger's own small database. Throws storage errors where it is blocked or not to be had. */
export async function openLedgerStore(name: string = ledgerDatabaseName): Promise<DurableLedgerStore> {
  const database = await openLedgerDatabase(name);
  return {
    read: () =>
      inTransaction(database, ['entries', 'heads'], 'readonly', async (transaction) => ({
        entries: await transaction.objectStore('entries').getAll(),
        head: (await transaction.objectStore('heads').get(headKey)) ?? null,
      })),

    head: () => inTransaction(database, ['heads'], 'readonly', async (transaction) => (await transaction.objectStore('heads').get(headKey)) ?? null),

    append: (entries, after) => append(database, entries, after),

    installationKey: () =>
      inTransaction(
        database,
        ['keys'],
        'readwrite',
        async (transaction) => {
          const keys = transaction.objectStore('keys');
          const known = await keys.get(rowHashKey);
          if (known) return known;
          const fresh = crypto.getRandomValues(new Uint8Array(32));
          await keys.put(fresh, rowHashKey);
          return fresh;
        },
        'strict',
      ),

    erase: () =>
      inTransaction(
        database,
        ['entries', 'heads', 'keys'],
        'readwrite',
        async (transaction) => {
          await Promise.all([transaction.objectStore('entries').clear(), transaction.objectStore('heads').clear(), transaction.objectStore('keys').clear()]);
        },
        'strict',
      ),

    close: () => database.close(),
  };
}

function openLedgerDatabase(name: string): Promise<IDBPDatabase<LedgerSchema>> {
  return openDatabase<LedgerSchema>(name, 1, (database) => {
    database.createObjectStore('entries', { keyPath: 'sequence' });
    database.createObjectStore('heads');
    database.createObjectStore('keys');
  });
}

/** One transaction: the head is compared, the entries are added (a sequence number can exist once), the head is replaced. */
async function append(database: IDBPDatabase<LedgerSchema>, entries: readonly LedgerEntry[], after: LedgerHead | null): Promise<void> {
  const last = entries.at(-1);
  if (!last) return;
  await inTransaction(
    database,
    ['entries', 'heads'],
    'readwrite',
    async (transaction) => {
      if (transaction.durability !== 'strict') throw notDurable(String(transaction.durability));
      const heads = transaction.objectStore('heads');
      const chain = transaction.objectStore('entries');
      const [head, count] = await Promise.all([heads.get(headKey), chain.count()]);
      if ((head?.hash ?? null) !== (after?.hash ?? null) || (head?.count ?? 0) !== (after?.count ?? 0)) throw ledgerMovedOn(after?.count ?? 0, head?.count ?? count);
      await Promise.all([...entries.map((entry) => chain.add(entry)), heads.put({ count: (after?.count ?? 0) + entries.length, hash: last.hash }, headKey)]);
    },
    'strict',
  );
}

