/**
 * Epsilon for those who ask at every step. RDP answers in well under a millisecond and is loose beside Poisson samples; PLD is tight and takes some hundredths
 * of a second to some tenths. What PLD has found for one list of charges is kept, and bounds every list that this one contains: so what a run comes to at its
 * planned checkpoints is worked out once, and between two of them the later one's value holds.
 */
import { checkInteger } from '../ground/check.ts';
import { composedEpsilon, isOfRenyiAlone, tallyOf, type Charge, type ComposedEpsilon, type Tally } from './composition.ts';
import { pldEpsilon } from './pld/pld.ts';

interface KnownBound {
  readonly tally: Tally;
  readonly delta: number;
  readonly epsilon: number;
}

/** Lists kept: a run has some ten, at each of a few deltas. The oldest go first; RDP's answer is left then. */
const LARGEST_KNOWN = 256;

/** Kinds of samples beside one another for which PLD is asked: each takes a grid of its own, and no run has so many. Beyond, RDP's answer stands. */
const LARGEST_KINDS = 12;

/** How many checkpoints the steps of a run are divided by. */
const CHECKPOINTS = 8;

/** The numbers of steps at which a run's epsilon is worked out tightly, its end among them. */
export function checkpointsOf(steps: number): readonly number[] {
  checkInteger('steps', steps);
  return [...new Set(Array.from({ length: CHECKPOINTS }, (_, index) => Math.ceil((steps * (index + 1)) / CHECKPOINTS)))];
}

export class KnownBounds {
  #known: KnownBound[] = [];
  #isTight = false;

  /**
   * Epsilon at `delta` of all charges together: the least of what is known. Within `tightly` also what PLD says.
   * Guarantee: an upper bound under zero-out adjacency, exact where all releases are full-batch, where what each release is (its kind, noise, rate, and how many) follows
   * from public facts and earlier releases need only feed its input. As a limit on mechanisms chosen in the light of earlier releases: see NOISE.md, 'A limit is a filter'.
   */
  epsilonOf(charges: readonly Charge[], delta: number): number {
    return this.#epsilonOf(charges, delta, composedEpsilon(charges, delta));
  }

  /** Of several lists the greatest epsilon. Within `tightly`, PLD is asked for no more of them than can matter. */
  greatest(lists: readonly (readonly Charge[])[], delta: number): number {
    const loose = lists.map((charges) => ({ charges, composed: composedEpsilon(charges, delta) })).sort((a, b) => b.composed.epsilon - a.composed.epsilon);
    let greatest = 0;
    for (const { charges, composed } of loose) {
      if (composed.epsilon <= greatest) break;
      greatest = Math.max(greatest, this.#epsilonOf(charges, delta, composed));
    }
    return greatest;
  }

  /** Within `ask` every epsilon is worked out tightly, and known from then on. Takes up to some tenths of a second for every list of samples that is new. */
  tightly<T>(ask: () => T): T {
    const before = this.#isTight;
    this.#isTight = true;
    try {
      return ask();
    } finally {
      this.#isTight = before;
    }
  }

  #epsilonOf(charges: readonly Charge[], delta: number, { epsilon, accountant }: ComposedEpsilon): number {
    // Without samples the answer is exact already; without delta no loss may be left out.
    if (accountant === 'exact-gaussian' && charges.every(({ mechanism }) => mechanism.kind === 'gaussian')) return epsilon;
    if (delta === 0 || epsilon === 0 || !Number.isFinite(epsilon)) return epsilon;
    const tally = tallyOf(charges);
    // PLD has no answer of its own there, and none that it gave of other lists holds.
    if (isOfRenyiAlone(tally)) return epsilon;
    const same = this.#isTight ? this.#known.find((one) => one.delta === delta && contains(one.tally, tally) && contains(tally, one.tally)) : undefined;
    if (this.#isTight && !same && tally.samples.length <= LARGEST_KINDS) this.#learn({ tally, delta, epsilon: pldEpsilon(charges, delta).epsilon });
    return this.#known.reduce((least, one) => (one.epsilon < least && one.delta <= delta && contains(one.tally, tally) ? one.epsilon : least), epsilon);
  }

  #learn(bound: KnownBound): void {
    this.#known.push(bound);
    if (this.#known.length > LARGEST_KNOWN) this.#known.shift();
  }
}

/** Whether all releases of `small` are among those of `large`: more releases never make epsilon less. */
function contains(large: Tally, small: Tally): boolean {
  if (small.muSquared > large.muSquared) return false;
  return small.samples.every(({ samplingRate, noiseMultiplier, count }) => large.samples.some((other) => other.samplingRate === samplingRate && other.noiseMultiplier === noiseMultiplier && other.count >= count));
}
