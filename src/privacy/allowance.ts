import { copyOfTally, countCharge, type ChargeTally } from './charge-tally.ts';
import type { NamedUnits } from './data-sets.ts';
import type { AllowanceEvent, Mechanism } from './events.ts';
import { hashesIn, isSubset, meets } from './unit-sets.ts';

/** What a copy of notes brought along, and what was charged here since. */
export interface Allowance {
  readonly allowanceId: string;
  readonly cohortIds: ReadonlySet<string>;
  readonly givenBy: readonly string[];
  epsilon: number;
  delta: number;
  /** Charges made here after it came, by cohort. */
  readonly charges: Map<string, ChargeTally>;
}

/** An allowance that still binds, at the delta that it is counted at. */
export interface AllowanceBalance {
  readonly allowanceId: string;
  readonly cohortIds: ReadonlySet<string>;
  readonly givenBy: readonly string[];
  readonly epsilon: number;
  readonly delta: number;
  /** Of the most exposed unit of its cohorts, charges made here since it came alone; Infinity where that cannot be said. */
  readonly epsilonSpent: number;
}

/**
 * The allowances of a ledger in the order in which they came.
 * An allowance binds every charge after it until another one comes that covers all its units: then what was left of the first is given up. Each
 * charge so counts against one allowance that somebody gave up budget for, and the sums of what was given compose (see `budget-share.ts`).
 */
export class Allowances {
  readonly #list: Allowance[];

  constructor(from?: Allowances) {
    this.#list = (from?.all ?? []).map((one) => ({ ...one, charges: new Map([...one.charges].map(([cohortId, tally]) => [cohortId, copyOfTally(tally)])) }));
  }

  get all(): readonly Allowance[] {
    return this.#list;
  }

  /** A second event of the same allowance only lowers it. */
  add({ allowanceId, cohortIds, givenBy, epsilon, delta }: AllowanceEvent): void {
    const known = this.#list.find((one) => one.allowanceId === allowanceId);
    if (known) {
      known.epsilon = Math.min(known.epsilon, epsilon);
      known.delta = Math.min(known.delta, delta);
    } else {
      this.#list.push({ allowanceId, cohortIds: new Set(cohortIds), givenBy, epsilon, delta, charges: new Map() });
    }
  }

  count(cohortId: string, mechanism: Mechanism): void {
    for (const { charges } of this.#list) {
      let tally = charges.get(cohortId);
      if (!tally) charges.set(cohortId, (tally = new Map()));
      countCharge(tally, mechanism);
    }
  }

  /** Those that no later one covers; `unitsOf` gives all rows and persons of some cohorts. */
  inForce(unitsOf: (cohortIds: ReadonlySet<string>) => NamedUnits): readonly Allowance[] {
    const units = this.#list.map(({ cohortIds }) => unitsOf(cohortIds));
    return this.#list.filter((_, index) => !units.some((later, other) => other > index && covers(later, units[index]!)));
  }
}

/**
 * Whether some units are all of others and maybe more; of no known units at all, that cannot be said. Persons that are named by different columns
 * cannot be compared: there the rows tell, which are of the same persons whatever column names them.
 */
export function covers(units: NamedUnits, others: NamedUnits): boolean {
  if (holds(hashesIn(units), hashesIn(others))) return true;
  return units.either.size === 0 && others.either.size === 0 && !meets(units.namings, others.namings) && holds(units.rows, others.rows);
}

function holds(set: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return others.size > 0 && isSubset(others, set);
}
