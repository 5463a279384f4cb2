import { deleteDB } from 'idb';
import { fullBatchHeadPlan } from '../../training/propose.ts';
import { openBedsideDatabase, type BedsideDatabase } from '../database.ts';
import { LedgerKeeper } from '../ledger-keeper.ts';
import { openLedgerStore, type DurableLedgerStore } from '../ledger-store.ts';

/** A private head for 40 notes of 20 persons. */
export const keeperPlan = fullBatchHeadPlan({ trainingUnits: 16, trainingRows: 32, heldOutUnits: 4, heldOutRows: 8, classes: 2, unit: 'person', encoderLayers: 6, maximumLength: 64, heldOutShare: 0.2, seed: 1, epsilon: 1, delta: 1e-5 });

export interface KeeperScene {
  readonly database: BedsideDatabase;
  readonly store: DurableLedgerStore;
  readonly keeper: LedgerKeeper;
  close(): Promise<void>;
}

/** A ledger keeper over real databases of its own, which end with it. */
export async function openKeeperScene(): Promise<KeeperScene> {
  const name = `keeper-test-${crypto.randomUUID()}`;
  const [database, store] = await Promise.all([openBedsideDatabase(name), openLedgerStore(`${name}-ledger`)]);
  return {
    database,
    store,
    keeper: new LedgerKeeper(store, database),
    async close() {
      database.close();
      store.close();
      await Promise.all([deleteDB(name), deleteDB(`${name}-ledger`)]);
    },
  };
}
