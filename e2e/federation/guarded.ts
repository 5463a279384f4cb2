/** Made-up notes of a seat behind the app's own guard, in Node: real features, clip, noise and ledger; only workers and IndexedDB are missing. */
import { defaultModelFolder, openHeadProducts, openNodeModel } from '../../src/cli/node-engine.ts';
import { createNodeKeyStream } from '../../src/cli/key-stream.ts';
import { dealtTable, type SampleDeal } from '../../src/data/sample-deal.ts';
import { agreementFigures } from '../../src/federation/agreement.ts';
import type { Task } from '../../src/federation/task.ts';
import type { UpdateSource } from '../../src/federation/update-source.ts';
import { cohortsOf } from '../../src/privacy/cohort.ts';
import { Ledger } from '../../src/privacy/ledger.ts';
import { createMemoryLedgerStore } from '../../src/privacy/memory-ledger-store.ts';
import { unitHash } from '../../src/privacy/unit-hash.ts';
import { FederatedUpdates } from '../../src/training/federated-update.ts';
import { createTrainer } from '../../src/training/in-process-trainer.ts';
import { ledgerCharges } from '../../src/training/ledger-charges.ts';
import { rememberPooled } from '../../src/training/remembered-engine.ts';
import { groupUnits, tokenizeNotes, type Tokenizer } from '../../src/training/units.ts';
import type { Trainer } from '../../src/training/trainer.ts';

const deal: SampleDeal = { persons: 12, notes: 24, alpha: null };
/** The ledger rounds what a charge leads to upwards. */
const LIMIT_FACTOR = 1 + 1e-6;

export interface Encoder {
  readonly tokenizer: Tokenizer;
  openTrainer(): Trainer;
}

/** One encoder for every seat: notes that two federations have in common are read once. */
export async function openEncoder(): Promise<Encoder> {
  const [{ engine, tokenizer }, products] = await Promise.all([openNodeModel(defaultModelFolder), openHeadProducts()]);
  let last: Promise<unknown> = Promise.resolve();
  // Its memory is one: calls of several trainers wait for each other.
  const encode: typeof engine.encode = (input, layers) => {
    const result = last.then(() => engine.encode(input, layers));
    last = result.catch(() => undefined);
    return result;
  };
  const remembering = rememberPooled({ ...engine, encode }, new Map());
  return { tokenizer, openTrainer: () => createTrainer(remembering, { openHeadProducts: () => Promise.resolve(products) }) };
}

export interface Guarded {
  readonly source: UpdateSource;
  /** Spent by this participant's notes, as its ledger has it. */
  epsilonSpent(): number;
}

/** The guard of a seat, whose ledger allows what was agreed and no more. */
export async function openGuard({ tokenizer, openTrainer }: Encoder, task: Task, seat: number): Promise<Guarded> {
  const { rows } = dealtTable(deal, seat);
  const notes = rows.map(({ row, cells: [text = '', label = '', person = ''] }, id) => ({ id, row, text, label, person, groups: {} }));
  const training = groupUnits(await tokenizeNotes(notes, tokenizer, task.head?.maximumLength ?? 0), task.labels, 'row').units;
  const key = new Uint8Array(32).fill(seat);
  const { splitId, events } = cohortsOf({
    unit: 'row', keyId: `seat ${seat}`, training: notes.map(({ text, person }) => ({ row: unitHash(key, 'row', text), person: unitHash(key, 'person', person) })), heldOut: [], declarationId: null, personNaming: 'patient',
  });
  const cohortIds = events.map(({ cohortId }) => cohortId);
  const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
  await ledger.append([...events, { kind: 'budget', id: 'budget', cohortIds, epsilonLimit: agreementFigures(task).epsilonTotal * LIMIT_FACTOR, delta: task.delta }]);
  let charges = 0;
  const updates = new FederatedUpdates({
    task, training, unit: 'row', baseModel: task.baseModel, runId: 'federation', chargedRounds: [], trainers: [openTrainer()],
    charges: ledgerCharges(ledger, { training: events[0].cohortId, 'held-out': events[1].cohortId }, 'federation', () => `charge ${charges++}`),
    freshKeys: () => Promise.resolve(createNodeKeyStream()), clock: () => performance.now(), yields: () => new Promise(setImmediate), onProgress: () => undefined,
  });
  return { source: { train: (request) => updates.train(request), cancel: () => updates.cancel() }, epsilonSpent: () => ledger.balance(splitId)?.epsilonTraining ?? Infinity };
}
