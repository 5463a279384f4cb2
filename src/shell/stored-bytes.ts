import type { BedsideDatabase } from './database.ts';
import { inTransaction } from './transaction.ts';
import type { StoredBytes } from './table-service.ts';

/** Bytes of a value as it is kept: two a character, arrays as they are, eight a number. An estimate; the browser compresses as it likes. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 2 * value.length;
  if (typeof value === 'number') return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item), 0);
  if (typeof value === 'object' && value !== null) return Object.entries(value).reduce((sum, [key, item]) => sum + 2 * key.length + sizeOf(item), 0);
  return 1;
}

/** What projects and trained models take up. Reads one record at a time. */
export async function storedBytes(database: BedsideDatabase): Promise<Pick<StoredBytes, 'projects' | 'models'>> {
  const stores = ['projects', 'tables', 'datasets', 'runs', 'results', 'checkpoints', 'models'] as const;
  return inTransaction(database, [...stores], 'readonly', async (transaction) => {
    const sums = { projects: 0, models: 0 };
    for (const store of stores) {
      const part = store === 'models' || store === 'checkpoints' ? 'models' : 'projects';
      for (let cursor = await transaction.objectStore(store).openCursor(); cursor; cursor = await cursor.continue()) sums[part] += sizeOf(cursor.value);
    }
    const [projects, models] = await Promise.all([transaction.objectStore('projects').count(), transaction.objectStore('models').count()]);
    return { projects: { bytes: sums.projects, count: projects }, models: { bytes: sums.models, count: models } };
  });
}
