import type { AdapterConfig } from '../engine/parameters.ts';
import type { FeatureSettings } from './trainer.ts';

/** A linear head over frozen features, with the transform that a new note goes through. */
export interface TrainedHead {
  readonly kind: 'head';
  readonly labels: readonly string[];
  readonly maximumLength: number;
  readonly features: FeatureSettings;
  /** Released mean that unit features are centred by, then brought back to unit length: [D]. Null: neither is done. */
  readonly mean: Float32Array | null;
  readonly biasInput: number;
  /** [C, D + 1]; the last column multiplies `biasInput`. */
  readonly weights: Float32Array;
}

/** LoRA and head over the mean-pooled last layer; theta [P] in the order of `parameterLayout`. */
export interface TrainedLora {
  readonly kind: 'lora';
  readonly labels: readonly string[];
  readonly maximumLength: number;
  readonly adapter: AdapterConfig;
  readonly theta: Float32Array;
}

export type TrainedModel = TrainedHead | TrainedLora;
