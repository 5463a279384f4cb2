import { openDB, type DBSchema, type IDBPDatabase, type OpenDBCallbacks } from 'idb';
import { toStorageError, upgradeBlocked } from './storage-errors.ts';

/** Opens an IndexedDB database. Throws storage errors where another tab blocks it or the browser has none. */
export async function openDatabase<Schema extends DBSchema>(name: string, version: number, upgrade: NonNullable<OpenDBCallbacks<Schema>['upgrade']>): Promise<IDBPDatabase<Schema>> {
  let reportBlocked: (error: unknown) => void = () => undefined;
  const blocked = new Promise<never>((_, reject) => (reportBlocked = reject));
  try {
    const opening = openDB<Schema>(name, version, {
      upgrade,
      blocked: () => reportBlocked(upgradeBlocked()),
      // A newer version in another tab waits for this connection; writes here then fail with words.
      blocking: (_current, _blocked, event) => {
        if (event.target instanceof IDBDatabase) event.target.close();
      },
    });
    return await Promise.race([opening, blocked]);
  } catch (error) {
    throw toStorageError(error);
  }
}
