import type { PrivacyUnit } from '../privacy/events.ts';

/** A unit's rows, tokenized. With unit `row` each unit has one row. */
export interface TokenizedUnit {
  /** Position of the unit among all units of the run, in the guard's numbering. */
  readonly unit: number;
  readonly rows: readonly { readonly ids: Int32Array; readonly label: number }[];
}

/** Integer sum of clipped contributions, exact in float64, and the number of units in it. The only thing a private step returns. */
export interface ClippedSum {
  /** Integers; divide by `gridScale` for the value. */
  readonly sum: Float64Array;
  readonly gridScale: number;
  readonly unitCount: number;
}

export interface FeatureSettings {
  readonly layers: readonly number[];
  readonly weights: readonly number[];
}

/**
 * One trainer: owns an engine and some of the units, and can compute clipped sums but not release them.
 * Un-noised sums go to the guard alone. Implemented in-process for Node and behind a MessagePort in the browser.
 */
export interface Trainer {
  readonly device: string;
  /** Takes over these units; replaces any earlier ones. */
  assign(units: readonly TokenizedUnit[], unit: PrivacyUnit): Promise<void>;
  /** Computes and keeps frozen features of the assigned rows; `onRows` counts rows done. */
  prepareFeatures(features: FeatureSettings, onRows: (done: number) => void): Promise<void>;
  /** Integer sum over units of the clipped feature (recipe R step 1), sensitivity 1 in feature units: [D]. */
  featureSum(): Promise<ClippedSum>;
  /** Sets the released mean that features are centred by. */
  centreFeatures(mean: Float32Array): Promise<void>;
  /** Rule G: integer sum over all units of clip((p - y) xᵀ): [C, D + 1]. `weights` [C, D + 1]. */
  headGradientSum(weights: Float32Array, classes: number, clipNorm: number, biasInput: number): Promise<ClippedSum>;
  /** Integer sum over the named units of the clipped gradient of LoRA and head: [P]. */
  loraGradientSum(theta: Float32Array, units: readonly number[], clipNorm: number): Promise<ClippedSum>;
}
