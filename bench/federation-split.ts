import { dirichlet } from '../src/data/sample-shares.ts';
import { mulberry32, shuffle } from '../src/ground/random.ts';
import type { TokenizedUnit } from '../src/training/trainer.ts';

export type SplitKind = 'iid' | 'dirichlet';

/** Concentration of each label's shares among clients: 0.3 leaves most of a label with few of them. */
const CONCENTRATION = 0.3;

/** Hands units out to `clients`; clients that get none are left out. Units are numbered anew, 0.. in each. */
export function splitUnits(units: readonly TokenizedUnit[], clients: number, kind: SplitKind, seed: number): readonly (readonly TokenizedUnit[])[] {
  const random = mulberry32(7919 * (seed + 1));
  const shares: TokenizedUnit[][] = Array.from({ length: clients }, () => []);
  const give = (client: number, unit: TokenizedUnit) => shares[client]!.push({ ...unit, unit: shares[client]!.length });
  const order = shuffle([...units], random);
  if (kind === 'iid') order.forEach((unit, index) => give(index % clients, unit));
  else {
    const labelOf = (unit: TokenizedUnit) => unit.rows[0]!.label;
    for (const label of new Set(order.map(labelOf))) {
      const share = dirichlet(clients, CONCENTRATION, random);
      for (const unit of order) if (labelOf(unit) === label) give(drawn(share, random()), unit);
    }
  }
  return shares.filter((share) => share.length > 0);
}

/** The place at which the running sum of the shares passes `at`. */
function drawn(shares: readonly number[], at: number): number {
  let sum = 0;
  const place = shares.findIndex((share) => at < (sum += share));
  return place < 0 ? shares.length - 1 : place;
}
