import type { DataPart } from '../privacy/events.ts';
import type { Ledger } from '../privacy/ledger.ts';
import type { ChargePort } from './session-input.ts';

/** A run's charges to the two cohorts of its data set. `newId` gives a fresh identifier each time: where the store fails, nobody knows whether the first try was written, and then both count. */
export function ledgerCharges(ledger: Ledger, cohortIds: Readonly<Record<DataPart, string>>, runId: string, newId: () => string): ChargePort {
  return {
    charge: (part, step, purpose, mechanism) => ledger.charge({ kind: 'charge', id: newId(), cohortId: cohortIds[part], runId, step, purpose, mechanism }),
  };
}
