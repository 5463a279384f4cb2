import type { Charge } from './composition.ts';
import type { Mechanism } from './events.ts';
import { lawName } from './repeat-and-select.ts';

/** Charges of one cohort by mechanism, so that a run of many like steps is one number. */
export type ChargeTally = Map<string, { readonly mechanism: Mechanism; count: number }>;

/** Tells mechanisms apart; in full precision. */
export function mechanismName(mechanism: Mechanism): string {
  const { kind, noiseMultiplier } = mechanism;
  if (kind === 'poisson-gaussian') return `${kind}/${noiseMultiplier}/${mechanism.samplingRate}`;
  return kind === 'repeat-and-select' ? `${kind}/${noiseMultiplier}/${lawName(mechanism.law)}` : `${kind}/${noiseMultiplier}`;
}

export function countCharge(tally: ChargeTally, mechanism: Mechanism): void {
  const name = mechanismName(mechanism);
  const known = tally.get(name);
  if (known) known.count++;
  else tally.set(name, { mechanism, count: 1 });
}

export function copyOfTally(tally: ChargeTally): ChargeTally {
  return new Map([...tally].map(([name, entry]) => [name, { ...entry }]));
}

export function chargesIn(tally: ChargeTally | undefined): readonly Charge[] {
  return tally ? [...tally.values()] : [];
}
