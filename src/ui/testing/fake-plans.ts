import type { PrivacyUnit } from '../../privacy/events.ts';
import type { FullBatchHeadPlan, LabelBalance, LoraSettings } from '../../training/plan.ts';
import type { PlanAlternatives } from '../../training/propose.ts';

const common = { maximumLength: 256, unit: 'person', heldOutShare: 0.2, seed: 1 } as const;
const promise = { epsilon: 1.38, delta: 1e-5, validationEpsilon: 1 };
const lora: LoraSettings = { rank: 8, alpha: 16, targets: ['query', 'value'], layers: [0, 1, 2, 3, 4, 5] };

export const fakePlan: FullBatchHeadPlan = {
  kind: 'full-batch-head', ...common, ...promise, steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5, featureLayers: [6], featureWeights: [1],
};

export const fakeBalance: LabelBalance = { countShare: 0.05, strength: 0.5 };

export function fakeAlternatives(unit: PrivacyUnit): PlanAlternatives {
  return {
    'full-batch-head': { ...fakePlan, unit },
    'dp-sgd': { kind: 'dp-sgd', ...common, ...promise, unit, steps: 80, expectedBatchSize: 256, clipNorm: 0.5, learningRate: 0.005, lora },
    'plain-head': { kind: 'plain-head', ...common, unit, epochs: 40, batchSize: 64, learningRate: 0.01, weightDecay: 1e-4 },
    'plain-lora': { kind: 'plain-lora', ...common, unit, epochs: 5, batchSize: 64, learningRate: 0.002, weightDecay: 0.01, lora },
    'plain-layers': { kind: 'plain-layers', ...common, unit, epochs: 4, batchSize: 16, learningRate: 3e-4, weightDecay: 0.01, whole: { topLayers: 2, embeddings: false } },
    'label-sentences': { kind: 'label-sentences', ...common, unit },
  };
}
