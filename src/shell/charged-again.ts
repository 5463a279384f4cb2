import type { ExtraCharges } from '../privacy/balance.ts';
import type { DataPart, LedgerEvent } from '../privacy/events.ts';

/**
 * What resuming an interrupted run charges a second time: what the ledger holds of it beyond `savedStep`, the last step whose outcome was saved
 * (null where nothing was); the label counts come after the mean, and of the same step it may be that the mean alone was saved (`hasCounts` false). A step that was lost more than once is made once more. The score comes last, so an interrupted run that charged it makes it again.
 */
export function chargedAgain(events: Iterable<LedgerEvent>, runId: string, savedStep: number | null, hasCounts = true): ExtraCharges {
  const lost = new Map<string, { readonly part: DataPart; readonly charge: NonNullable<ExtraCharges[DataPart]>[number] }>();
  for (const event of events) {
    if (event.kind !== 'charge' || event.runId !== runId) continue;
    const isScore = event.purpose === 'charged-validation' || event.purpose === 'search-score';
    const isCounted = event.purpose === 'label-counts' && savedStep !== null && !hasCounts;
    if (isScore || isCounted || event.step > (savedStep ?? -1)) lost.set(`${event.purpose} ${event.step}`, { part: isScore ? 'held-out' : 'training', charge: { mechanism: event.mechanism, count: 1 } });
  }
  const of = (part: DataPart) => [...lost.values()].flatMap((one) => (one.part === part ? [one.charge] : []));
  return { training: of('training'), 'held-out': of('held-out') };
}
