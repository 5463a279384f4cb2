import { mostPoissonRepeats } from '../privacy/repeat-and-select.ts';
import type { FullBatchHeadPlan, SearchSettings } from './plan.ts';

/** Factors on settings that the promise does not depend on. */
export interface SearchCandidate {
  readonly clipNorm: number;
  readonly maximumNu: number;
  readonly labelScale: number;
}

/** What a search chooses among: a public list, written down before any note was seen. Each is drawn with the same chance, with replacement. */
export const searchCandidates: readonly SearchCandidate[] = [
  { clipNorm: 1, maximumNu: 1, labelScale: 1 },
  { clipNorm: 1, maximumNu: 0.5, labelScale: 1 },
  { clipNorm: 1, maximumNu: 2, labelScale: 1 },
  { clipNorm: 1, maximumNu: 1, labelScale: 0.5 },
  { clipNorm: 1, maximumNu: 1, labelScale: 2 },
  { clipNorm: 0.5, maximumNu: 1, labelScale: 1 },
  { clipNorm: 2, maximumNu: 1, labelScale: 1 },
];

export const defaultSearch: SearchSettings = { meanRuns: 5, scoreEpsilon: 2 };

/** Total variation that cutting the law of the number of runs may add: it goes into delta beside the noise sampler's error. */
const lawError = 1e-12;

/** Drawn by a uniform of 53 bits against sums in float64: each of the numbers up to the cut is missed by less than this. */
const drawError = 2 ** -48;

/**
 * So many runs are made in every search, whatever the secret number is: those beyond it are thrown away. `tail` bounds the total variation between the number that is
 * drawn and its law: the chance that the law asks for more, and what drawing it rounds.
 */
export function searchSlots({ meanRuns }: SearchSettings): { readonly slots: number; readonly tail: number } {
  const { most, tail } = mostPoissonRepeats(meanRuns, lawError);
  return { slots: most, tail: tail + (most + 1) * drawError };
}

/** The plan of one run of a search; its steps cost what every other's cost. */
export function candidatePlan(plan: FullBatchHeadPlan, factors: SearchCandidate): FullBatchHeadPlan {
  return { ...plan, clipNorm: plan.clipNorm * factors.clipNorm, maximumNu: plan.maximumNu * factors.maximumNu, labelScale: plan.labelScale * factors.labelScale };
}
