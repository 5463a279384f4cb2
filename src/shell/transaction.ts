import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from 'idb';
import { toStorageError } from './storage-errors.ts';

/**
 * Runs `action` in one transaction: either all of it is saved or none of it.
 * Resolves when the transaction is complete, rejects with a `BedsideError` of family storage after it was undone.
 */
export async function inTransaction<Schema extends DBSchema, Names extends StoreNames<Schema>[], Mode extends 'readonly' | 'readwrite', Result>(
  database: IDBPDatabase<Schema>,
  stores: Names,
  mode: Mode,
  action: (transaction: IDBPTransaction<Schema, Names, Mode>) => Promise<Result>,
  durability: 'strict' | 'relaxed' = 'relaxed',
): Promise<Result> {
  try {
    const transaction = database.transaction<Names, Mode>(stores, mode, { durability });
    const done = transaction.done.then(() => null, (error: unknown) => ({ error }));
    let result: Result;
    try {
      result = await action(transaction);
    } catch (error) {
      abortQuietly(transaction);
      await done;
      // The request that failed says less than the transaction it took down, e.g. AbortError against QuotaExceededError.
      throw transaction.error ?? error;
    }
    const failure = await done;
    if (failure) throw failure.error;
    return result;
  } catch (error) {
    throw toStorageError(error);
  }
}

function abortQuietly(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch {
    // Already finished or aborted: there is nothing left to undo.
  }
}
