import { deleteDB } from 'idb';
import { guessColumns, guessedRoles } from '../../data/columns.ts';
import { buildDataset } from '../../data/dataset.ts';
import { sampleTable } from '../../data/sample.ts';
import type { FullBatchHeadPlan, Plan } from '../../training/plan.ts';
import { Crew } from '../crew.ts';
import { openBedsideDatabase, type BedsideDatabase } from '../database.ts';
import type { BackendChoice } from '../device.ts';
import { nanoName } from '../encoder-source.ts';
import type { FederationOptions } from '../federation-guard-parts.ts';
import { Guard } from '../guard.ts';
import { LedgerKeeper } from '../ledger-keeper.ts';
import { openLedgerStore } from '../ledger-store.ts';
import { createProject, saveDataset } from '../projects.ts';
import { listen, type Listening } from './service-scenes.ts';

export interface GuardHere {
  /** The guard of now: another one after a reload. */
  readonly guard: Guard;
  readonly crew: Crew;
  readonly database: BedsideDatabase;
  /** Of the federation's own database. */
  readonly federationName: string;
  /** A new guard over connections of its own, as in a page that is loaded again; the trainers stay. */
  reload(): Promise<void>;
  /** Another guard over the same storage, as in a second tab. */
  second(): Promise<{ readonly guard: Guard; close(): void }>;
  /** The sample with its guessed columns confirmed, and the plan that is proposed for it. */
  propose(): Promise<{ readonly id: string; readonly plan: FullBatchHeadPlan }>;
  /** Starts a run on the sample, of the plan made of the proposed one, and waits until more than two steps are done. */
  start(change: (proposed: FullBatchHeadPlan) => Plan): Promise<{ readonly id: string; readonly runId: string; readonly run: Listening }>;
  close(): Promise<void>;
}

/** For tests: a guard on this thread, over databases of its own, so that its storage can be made to fail; its trainers are workers as ever. */
export async function openGuardHere(backend: BackendChoice, federation: FederationOptions = {}): Promise<GuardHere> {
  const names = [`test-${crypto.randomUUID()}`, `test-ledger-${crypto.randomUUID()}`, `test-federation-${crypto.randomUUID()}`] as const;
  const nano = { name: nanoName, folder: '' };
  const crew = new Crew(backend, nano, 1);
  const open = async () => {
    const [database, store] = await Promise.all([openBedsideDatabase(names[0]), openLedgerStore(names[1])]);
    const guard: Guard = new Guard(database, new LedgerKeeper(store, database), nano, async () => guard.connect(await crew.ports(), 1, crew.checked), { storeName: names[2], ...federation });
    return { database, store, guard };
  };
  let opened = await open();
  const close = () => {
    opened.guard.federation.close();
    opened.database.close();
    opened.store.close();
  };
  const here: GuardHere = {
    get guard() {
      return opened.guard;
    },
    crew,
    federationName: names[2],
    get database() {
      return opened.database;
    },
    reload: async () => {
      close();
      opened = await open();
    },
    second: async () => {
      const { guard, database, store } = await open();
      return {
        guard,
        close: () => {
          guard.federation.close();
          database.close();
          store.close();
        },
      };
    },
    propose: async () => {
      const table = sampleTable();
      const roles = guessedRoles(guessColumns(table));
      const { id } = await createProject(opened.database, table, true);
      await saveDataset(opened.database, id, roles, buildDataset(table, roles));
      const { plan } = await opened.guard.proposePlan(id);
      if (plan.kind !== 'full-batch-head') throw new Error(plan.kind);
      return { id, plan };
    },
    start: async (change) => {
      const { id, plan } = await here.propose();
      const run = listen();
      const runId = await opened.guard.startRun(id, change(plan), run.onMessage);
      await run.pastStep(2);
      return { id, runId, run };
    },
    close: async () => {
      crew.dismiss();
      close();
      await Promise.all(names.map((name) => deleteDB(name)));
    },
  };
  return here;
}
