import type { DataPart, PrivacyUnit } from './events.ts';

/** What a run promises and what it does not, as facts; the words are the page's and the model card's. */
export type PrivacyStatement =
  | { readonly isPrivate: false }
  | {
      readonly isPrivate: true;
      readonly epsilon: number;
      readonly delta: number;
      readonly unit: PrivacyUnit;
      readonly adjacency: 'zero-out';
      /** Epsilon if a neighbour replaces a unit by another instead (sensitivity 2C). */
      readonly epsilonReplaceOne: number;
      readonly accountant: 'exact-gaussian' | 'rdp';
      readonly accountantSettings: string;
      readonly sampling: 'full-batch' | 'poisson';
      readonly samplingRate: number;
      readonly noiseMultiplier: number;
      readonly steps: number;
      readonly clipNorm: number;
      /** mu of the equivalent Gaussian mechanism, where exact. */
      readonly mu: number | null;
      /** Best share of right guesses at even odds, e^eps / (1 + e^eps). */
      readonly guessingBound: number;
      /** Charged validation on the held-out part, composed in parallel. */
      readonly validation: { readonly part: DataPart; readonly epsilon: number } | null;
      /** Facts that the mechanism treats as public, by code. */
      readonly publicFacts: readonly string[];
      /** What epsilon does not cover, by code. */
      readonly notCovered: readonly string[];
      readonly isSecureNoise: boolean;
    };
