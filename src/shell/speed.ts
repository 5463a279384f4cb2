import type { Plan } from '../training/plan.ts';
import { plannedSteps } from '../training/planned-charges.ts';
import type { RemoteTrainer } from './remote-trainer.ts';

/** How fast this device's trainers read, all together. */
export interface Speed {
  readonly tokensPerSecond: number;
  readonly workers: number;
}

const probeRows = 8;
const probeTokens = 48;
/** Multiply-adds a second of a head's plain loops, one worker: measured at some 0.9e9 on a 2023 server core, taken lower for laptops. */
const headOperationsPerSecond = 6e8;
/** Cost of a backward and a forward pass over a forward pass alone. */
const trainingFactor = 3;

/** Times the encoder on a made-up batch, after one that warms it up. */
export async function measureSpeed(trainers: readonly RemoteTrainer[]): Promise<Speed> {
  const rows = Array.from({ length: probeRows }, () => Int32Array.from({ length: probeTokens }, (_, token) => token + 5));
  const settings = { layers: [trainers[0]!.shape.layers], weights: [1], isUnitLength: true };
  const readAll = () => Promise.all(trainers.map((trainer) => trainer.encode(rows, settings)));
  await readAll();
  const startedAtMs = performance.now();
  await readAll();
  const seconds = Math.max(1e-4, (performance.now() - startedAtMs) / 1000);
  return { tokensPerSecond: (trainers.length * probeRows * probeTokens) / seconds, workers: trainers.length };
}

/** What a plan has to read. */
export interface Workload {
  readonly trainingRows: number;
  readonly heldOutRows: number;
  readonly meanTokens: number;
  readonly classes: number;
  readonly width: number;
}

/** Seconds a plan takes, with a range: other programs, heat and batteries slow a device down, and long notes cost more than their share. */
export function forecastSeconds(plan: Plan, { trainingRows, heldOutRows, meanTokens, classes, width }: Workload, { tokensPerSecond, workers }: Speed): { readonly low: number; readonly central: number; readonly high: number } {
  const readOnce = ((trainingRows + heldOutRows) * meanTokens) / tokensPerSecond;
  const evaluations = 11;
  const steps = plannedSteps(plan, trainingRows);
  let central: number;
  switch (plan.kind) {
    case 'label-sentences':
      central = readOnce;
      break;
    case 'full-batch-head':
    case 'plain-head': {
      const features = width * (plan.kind === 'full-batch-head' ? plan.featureLayers.length : 1);
      const rowsAStep = plan.kind === 'full-batch-head' ? trainingRows : Math.min(plan.batchSize, trainingRows);
      // Logits and outer product, then the noise on each parameter.
      central = readOnce + (steps * rowsAStep * features * classes * 2) / (headOperationsPerSecond * workers) + (steps * features * classes) / 2e6;
      break;
    }
    case 'dp-sgd':
    case 'plain-lora': {
      const rowsAStep = plan.kind === 'dp-sgd' ? plan.expectedBatchSize : Math.min(plan.batchSize, trainingRows);
      central = (steps * rowsAStep * meanTokens * trainingFactor) / tokensPerSecond + (evaluations * heldOutRows * meanTokens) / tokensPerSecond;
      break;
    }
  }
  return { low: 0.7 * central, central, high: 2 * central + 2 };
}
