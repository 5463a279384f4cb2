/** For tests: a database of projects of its own, and what lets a trainer keep features of them on disk. */
import { deleteDB } from 'idb';
import { buildDataset } from '../../data/dataset.ts';
import { sampleTable } from '../../data/sample.ts';
import { openBedsideDatabase, type BedsideDatabase } from '../database.ts';
import type { FeatureGrant } from '../feature-cache.ts';
import { clearFeatures, grantFeatures } from '../feature-store.ts';
import { createProject, readProject, saveDataset } from '../projects.ts';

export const roles = { note: 'text', specialty: 'label', patient: 'person' } as const;
export const featureUse = { encoderSha256: 'e', device: 'd', maximumLength: 64, bytes: 1_000_000 };

export interface FeatureScene {
  readonly database: BedsideDatabase;
  /** The sample's notes, as another project each time. */
  newProject(): Promise<string>;
  grantFor(id: string, changes?: Partial<typeof featureUse>): Promise<FeatureGrant>;
  close(): Promise<void>;
}

export async function openFeatureScene(): Promise<FeatureScene> {
  const database = await openBedsideDatabase(`features-test-${crypto.randomUUID()}`);
  return {
    database,
    newProject: async () => {
      const { id } = await createProject(database, sampleTable(), true);
      await saveDataset(database, id, roles, buildDataset(sampleTable(), roles));
      return id;
    },
    grantFor: async (id, changes = {}) => {
      const grant = await grantFeatures(database, await readProject(database, id), { ...featureUse, ...changes });
      if (!grant) throw new Error('no file system');
      return grant;
    },
    close: async () => {
      await clearFeatures(database);
      await (await navigator.storage.getDirectory()).removeEntry(`${database.name}-features`, { recursive: true }).catch(() => undefined);
      database.close();
      await deleteDB(database.name);
    },
  };
}
