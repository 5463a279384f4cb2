import { mechanismName } from '../privacy/charge-tally.ts';
import type { Charge } from '../privacy/composition.ts';
import type { DataPart, LedgerEvent } from '../privacy/events.ts';
import type { KnownBounds } from '../privacy/known-bounds.ts';
import type { ChargePort } from './session-input.ts';

/** What one run was charged, by the part of the data that was read. */
export interface ChargedParts {
  readonly training: readonly Charge[];
  readonly heldOut: readonly Charge[];
}

/** What a ledger's events say that a run was charged. A charge to a cohort that nobody knows counts as the training part's: it errs high. */
export function chargesOfRun(events: Iterable<LedgerEvent>, runId: string): ChargedParts {
  const partOf = new Map<string, DataPart>();
  const parts: Record<DataPart, Charge[]> = { training: [], 'held-out': [] };
  for (const event of events) {
    if (event.kind === 'cohort') partOf.set(event.cohortId, event.part);
    else if (event.kind === 'charge' && event.runId === runId) parts[partOf.get(event.cohortId) ?? 'training'].push({ mechanism: event.mechanism, count: 1 });
  }
  return { training: parts.training, heldOut: parts['held-out'] };
}

/** Passes charges on and remembers those that became durable: for a run of one session. */
export function rememberCharges(port: ChargePort): { readonly port: ChargePort; readonly charged: ChargedParts } {
  const parts: Record<DataPart, Charge[]> = { training: [], 'held-out': [] };
  return {
    port: {
      charge: async (part, step, purpose, mechanism) => {
        await port.charge(part, step, purpose, mechanism);
        parts[part].push({ mechanism, count: 1 });
      },
    },
    charged: { training: parts.training, heldOut: parts['held-out'] },
  };
}

/** Epsilon that a part was charged; null where it was charged nothing. */
export function epsilonOf(charges: readonly Charge[], delta: number, bounds: KnownBounds): number | null {
  return charges.length === 0 ? null : bounds.epsilonOf(charges, delta);
}

/** Each mechanism as often as the model needed it or it was charged, whichever is more. */
export function atLeast(released: readonly Charge[], charged: readonly Charge[]): Charge[] {
  // Of one mechanism there may be several charges in a list: a noisy mean and counts of equal shares, or every step by itself.
  const [needed, made] = [countsOf(released), countsOf(charged)];
  return [...new Map([...needed, ...made])].map(([name, { mechanism }]) => ({ mechanism, count: Math.max(needed.get(name)?.count ?? 0, made.get(name)?.count ?? 0) }));
}

function countsOf(charges: readonly Charge[]): ReadonlyMap<string, Charge> {
  const counts = new Map<string, Charge>();
  for (const { mechanism, count } of charges) {
    const name = mechanismName(mechanism);
    counts.set(name, { mechanism, count: count + (counts.get(name)?.count ?? 0) });
  }
  return counts;
}
