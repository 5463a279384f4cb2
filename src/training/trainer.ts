import type { BertShape } from '../engine/model/weights.ts';
import type { AdapterConfig } from '../engine/parameters.ts';
import type { IntegerSum } from '../privacy/clipping.ts';
import type { PrivacyUnit } from '../privacy/events.ts';

/** One note as the model reads it. */
export interface TokenizedRow {
  readonly ids: Int32Array;
  readonly label: number;
}

/** A unit's rows, tokenized. With unit `row` they are rows of one text. */
export interface TokenizedUnit {
  /** Position of the unit among all units of the run, in the guard's numbering. */
  readonly unit: number;
  readonly rows: readonly TokenizedRow[];
}

/** Integer sum of clipped contributions, exact in float64, the bound K that each was clipped to, and the number of units in it. The only thing a private step returns. */
export type ClippedSum = IntegerSum;

/** Sum of gradients that nothing clips, for plans that are not private, and the number of rows in it. */
export interface PlainSum {
  readonly sum: Float64Array;
  readonly rowCount: number;
}

/** The frozen features of a head: pooled outputs of some layers, each to unit length, side by side, weighted by sqrt(weight). */
export interface FeatureSettings {
  readonly layers: readonly number[];
  /** Squared weights of the layers, sum 1. */
  readonly weights: readonly number[];
  /** False leaves each layer's pooled output at its own length (the head that is not private). */
  readonly isUnitLength: boolean;
}

/** A linear head over frozen features: logits = W [x, biasInput]. Shapes: weights [C, D + 1], D the length of a feature. */
export interface HeadParameters {
  readonly weights: Float32Array;
  readonly classes: number;
  readonly biasInput: number;
}

/** Counts rows done. What it returns is awaited before the next rows are read; false ends the reading. */
export type RowsListener = (done: number) => unknown;

/**
 * One trainer: owns an engine and some of the units, and can compute clipped sums but not release them.
 * Un-noised sums go to the guard alone. Implemented in-process for Node and behind a MessagePort in the browser.
 * Calls are made one after the other.
 */
export interface Trainer {
  readonly shape: BertShape;
  readonly device: string;
  /** Takes over these units; replaces any earlier ones, and forgets features and cached prefixes. */
  assign(units: readonly TokenizedUnit[], unit: PrivacyUnit): Promise<void>;
  /** Takes over these held-out rows, which are scored and never trained on; replaces any earlier ones. */
  assignHeldOut(rows: readonly Int32Array[]): Promise<void>;

  /**
   * Computes and keeps frozen features of the assigned and the held-out rows, all of them, before anything is drawn; `onRows` counts rows done.
   * With `isLasting` they are notes of a run, and may be read from and written to a cache that outlives it.
   */
  prepareFeatures(features: FeatureSettings, onRows: RowsListener, isLasting?: boolean): Promise<void>;
  /** Features of any rows, not centred: [rows, D]. For the label sentences, predictions and audits. With `isLasting` they are notes, as in `prepareFeatures`. */
  encode(rows: readonly Int32Array[], features: FeatureSettings, isLasting?: boolean): Promise<Float32Array>;
  /** Integer sum over units of the clipped feature (recipe R step 1), sensitivity 1 in feature units: [D]. */
  featureSum(): Promise<ClippedSum>;
  /** Integer sum over units of how often each label stands in the unit's rows, clipped to norm 1, sensitivity 1 in counts: [C]. */
  labelCounts(classes: number): Promise<ClippedSum>;
  /**
   * Subtracts the released mean from each kept feature and brings it back to unit length; with a public `map` [k, D] its image takes its place then, and the feature of a head is k long.
   * Once after `prepareFeatures`.
   */
  centreFeatures(mean: Float32Array, map?: Float32Array): Promise<void>;
  /** Rule G: integer sum over all units of clip((p - y) xᵀ): [C, D + 1]. `weights` [C, D + 1]. */
  headGradientSum(weights: Float32Array, classes: number, clipNorm: number, biasInput: number): Promise<ClippedSum>;
  /** Not private: sum over the rows of those of the named units that this trainer owns of (p - y) xᵀ: [C, D + 1]. */
  plainHeadGradientSum(head: HeadParameters, units: readonly number[]): Promise<PlainSum>;
  /** Logits of the held-out rows under a head, in the order of `assignHeldOut`: [rows, C]. */
  scoreHead(head: HeadParameters): Promise<Float32Array>;

  /** Theta [P] of `adapter` with which the model is the frozen one, head of zeros. Reads no note. */
  initialParameters(adapter: AdapterConfig): Promise<Float32Array>;
  /** Declares what LoRA training trains; before `loraGradientSum`, `plainLoraGradientSum` and `scoreLora`. With `isLasting` outputs of frozen layers may go to disk where memory is short: only where nobody may not know who was drawn. */
  configure(adapter: AdapterConfig, isLasting?: boolean): Promise<void>;
  /** Integer sum over those of the named units that this trainer owns of the clipped gradient of LoRA and head: [P]. */
  loraGradientSum(theta: Float32Array, units: readonly number[], clipNorm: number): Promise<ClippedSum>;
  /** Not private: sum over the rows of those of the named units that this trainer owns of the gradient of what is configured, adapters or whole layers, and the head: [P]. */
  plainLoraGradientSum(theta: Float32Array, units: readonly number[]): Promise<PlainSum>;
  /** Logits of the held-out rows under LoRA and head: [rows, C]. */
  scoreLora(theta: Float32Array): Promise<Float32Array>;
}
