/** The releases that an epsilon is worked out from, as a list that it can be worked out from again. */
import { mechanismName } from './charge-tally.ts';
import type { Charge } from './composition.ts';

/** The same charges with each mechanism once, in the order in which they came first. */
export function joinedCharges(charges: readonly Charge[]): readonly Charge[] {
  const joined = new Map<string, Charge>();
  for (const { mechanism, count } of charges) {
    if (count === 0) continue;
    const name = mechanismName(mechanism);
    joined.set(name, { mechanism, count: count + (joined.get(name)?.count ?? 0) });
  }
  return [...joined.values()];
}
