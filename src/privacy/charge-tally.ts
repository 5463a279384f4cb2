import type { Charge } from './composition.ts';
import type { Mechanism } from './events.ts';

/** Charges of one cohort by mechanism, so that a run of many like steps is one number. */
export type ChargeTally = Map<string, { readonly mechanism: Mechanism; count: number }>;

export function countCharge(tally: ChargeTally, mechanism: Mechanism): void {
  const name = `${mechanism.kind}/${mechanism.noiseMultiplier}/${mechanism.kind === 'poisson-gaussian' ? mechanism.samplingRate : 1}`;
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
