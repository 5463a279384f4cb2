/** A process of a test: charges once to each ledger named, all processes at the same moments, and prints a line for each. */
import { Ledger } from '../../privacy/ledger.ts';
import { openNodeLedgerStore } from '../node-ledger-store.ts';

const [id, startMs, roundMs, cohortId, ...paths] = process.argv.slice(2);

for (const [round, path] of paths.entries()) {
  const ledger = await Ledger.open(openNodeLedgerStore(path), Date.now);
  const waitMs = Number(startMs) + round * Number(roundMs) - Date.now();
  await new Promise((resume) => setTimeout(resume, waitMs));
  const outcome = await ledger.charge({ kind: 'charge', id: `${id} ${round}`, cohortId: cohortId!, runId: id!, step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 50 } }).then(
    () => 'charged',
    (error: unknown) => `refused: ${error instanceof Error ? error.message : 'no error'}`,
  );
  process.stdout.write(`${outcome}\n`);
}
