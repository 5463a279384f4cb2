/** A share with its 95 % interval. */
export interface Proportion {
  readonly count: number;
  readonly total: number;
  /** count / total, or null where total is 0. */
  readonly value: number | null;
  readonly low: number;
  readonly high: number;
}

export interface ClassScore {
  readonly label: string;
  readonly support: number;
  readonly predicted: number;
  /** Null where undefined (0 / 0). */
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  /** Wilson intervals of precision and recall. */
  readonly precisionInterval: Proportion;
  readonly recallInterval: Proportion;
  /** Bootstrap interval of F1. */
  readonly f1Low: number;
  readonly f1High: number;
}

export interface ClassificationReport {
  readonly accuracy: Proportion;
  /** Mean F1 over classes with support or predictions, undefined counted 0, as scikit-learn's `zero_division=0`. */
  readonly macroF1: number;
  readonly classes: readonly ClassScore[];
  /** confusion[true][predicted]. */
  readonly confusion: readonly (readonly number[])[];
  /** Share of the most frequent label: what always guessing it would score. */
  readonly majorityBaseline: Proportion;
}
