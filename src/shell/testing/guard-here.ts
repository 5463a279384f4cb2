import { deleteDB } from 'idb';
import { guessColumns, guessedRoles } from '../../data/columns.ts';
import { buildDataset } from '../../data/dataset.ts';
import { sampleTable } from '../../data/sample.ts';
import type { FullBatchHeadPlan, Plan } from '../../training/plan.ts';
import { Crew } from '../crew.ts';
import { openBedsideDatabase, type BedsideDatabase } from '../database.ts';
import type { BackendChoice } from '../device.ts';
import { nanoName } from '../encoder-source.ts';
import { Guard } from '../guard.ts';
import { LedgerKeeper } from '../ledger-keeper.ts';
import { openLedgerStore } from '../ledger-store.ts';
import { createProject, saveDataset } from '../projects.ts';
import { listen, type Listening } from './service-scenes.ts';

export interface GuardHere {
  readonly guard: Guard;
  readonly crew: Crew;
  readonly database: BedsideDatabase;
  /** Starts a run on the sample, of the plan made of the proposed one, and waits until more than two steps are done. */
  start(change: (proposed: FullBatchHeadPlan) => Plan): Promise<{ readonly id: string; readonly runId: string; readonly run: Listening }>;
  close(): Promise<void>;
}

/** For tests: a guard on this thread, over databases of its own, so that its storage can be made to fail; its trainers are workers as ever. */
export async function openGuardHere(backend: BackendChoice): Promise<GuardHere> {
  const names = [`test-${crypto.randomUUID()}`, `test-ledger-${crypto.randomUUID()}`] as const;
  const [database, store] = await Promise.all([openBedsideDatabase(names[0]), openLedgerStore(names[1])]);
  const nano = { name: nanoName, folder: '' };
  const crew = new Crew(backend, nano, 1);
  const guard: Guard = new Guard(database, new LedgerKeeper(store, database), nano, async () => guard.connect(await crew.ports()));
  return {
    guard,
    crew,
    database,
    start: async (change) => {
      const table = sampleTable();
      const roles = guessedRoles(guessColumns(table));
      const { id } = await createProject(database, table, true);
      await saveDataset(database, id, roles, buildDataset(table, roles));
      const { plan } = await guard.proposePlan(id);
      if (plan.kind !== 'full-batch-head') throw new Error(plan.kind);
      const run = listen();
      const runId = await guard.startRun(id, change(plan), run.onMessage);
      await run.pastStep(2);
      return { id, runId, run };
    },
    close: async () => {
      crew.dismiss();
      database.close();
      store.close();
      await Promise.all(names.map((name) => deleteDB(name)));
    },
  };
}
