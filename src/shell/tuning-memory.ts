import type { TuningHost } from '../engine/webgpu/tune-device.ts';
import { openBedsideDatabase, type BedsideDatabase } from './database.ts';
import { inTransaction } from './transaction.ts';

const keyOf = (adapter: string) => `kernels/${adapter}`;

/** Keeps what a graphics chip was found to be fastest at, among the choices of this installation: another start of the page need not measure it. */
export function tuningHost(open: () => Promise<BedsideDatabase> = openBedsideDatabase): TuningHost {
  const within = async <Result>(work: (database: BedsideDatabase) => Promise<Result>): Promise<Result> => {
    const database = await open();
    try {
      return await work(database);
    } finally {
      database.close();
    }
  };
  return {
    now: () => performance.now(),
    browser: navigator.userAgent,
    read: (adapter) => within(async (database) => (await inTransaction(database, ['settings'], 'readonly', (transaction) => transaction.objectStore('settings').get(keyOf(adapter)))) ?? null),
    write: (adapter, text) => within(async (database) => void (await inTransaction(database, ['settings'], 'readwrite', (transaction) => transaction.objectStore('settings').put(text, keyOf(adapter))))),
  };
}
