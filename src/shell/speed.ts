import type { Plan } from '../training/plan.ts';
import { plannedSteps } from '../training/planned-charges.ts';
import type { RemoteTrainer } from './remote-trainer.ts';

/** How fast this device's trainers read, all together. */
export interface Speed {
  readonly tokensPerSecond: number;
  readonly workers: number;
  /** Seconds that a whole run took over those that `tokensPerSecond` alone would have it take; null where no run has shown it. */
  readonly runFactor: number | null;
}

export function isSpeed(value: unknown): value is Speed {
  const isPositive = (number: unknown) => typeof number === 'number' && number > 0 && Number.isFinite(number);
  return typeof value === 'object' && value !== null && 'tokensPerSecond' in value && isPositive(value.tokensPerSecond) && 'workers' in value && isPositive(value.workers) && 'runFactor' in value && (value.runFactor === null || isPositive(value.runFactor));
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
  return { tokensPerSecond: (trainers.length * probeRows * probeTokens) / seconds, workers: trainers.length, runFactor: null };
}

/** What a plan has to read. */
export interface Workload {
  readonly trainingRows: number;
  readonly heldOutRows: number;
  readonly meanTokens: number;
  readonly classes: number;
  readonly width: number;
  /** The frozen features lie in the cache. */
  readonly isRead?: boolean;
}

/** What a run's measured seconds say of the speed that its forecast began with. */
export function learnedSpeed(plan: Plan, workload: Workload, probe: Speed, measuredSeconds: number): Speed {
  const expected = workSeconds(plan, workload, probe);
  return { ...probe, runFactor: expected > 0 && measuredSeconds > 0 ? measuredSeconds / expected : null };
}

/**
 * Seconds a plan takes, with a range: other programs, heat and batteries slow a device down, and long notes cost more than their share.
 * A probe of a moment says little of a busy machine, so its range is wide; a run that was measured there narrows it.
 */
export function forecastSeconds(plan: Plan, workload: Workload, speed: Speed): { readonly low: number; readonly central: number; readonly high: number } {
  const seconds = workSeconds(plan, workload, speed);
  if (speed.runFactor === null) return { low: 0.5 * seconds, central: seconds, high: 3 * seconds + 2 };
  const central = seconds * speed.runFactor;
  return { low: 0.6 * central, central, high: 1.8 * central + 1 };
}

function workSeconds(plan: Plan, { trainingRows, heldOutRows, meanTokens, classes, width, isRead = false }: Workload, { tokensPerSecond, workers }: Speed): number {
  const readOnce = isRead ? 0 : ((trainingRows + heldOutRows) * meanTokens) / tokensPerSecond;
  const evaluations = 11;
  const steps = plannedSteps(plan, trainingRows);
  switch (plan.kind) {
    case 'label-sentences':
      return readOnce;
    case 'full-batch-head':
    case 'plain-head': {
      const features = width * (plan.kind === 'full-batch-head' ? plan.featureLayers.length : 1);
      const rowsAStep = plan.kind === 'full-batch-head' ? trainingRows : Math.min(plan.batchSize, trainingRows);
      // Logits and outer product, then the noise on each parameter.
      return readOnce + (steps * rowsAStep * features * classes * 2) / (headOperationsPerSecond * workers) + (steps * features * classes) / 2e6;
    }
    case 'dp-sgd':
    case 'plain-lora': {
      const rowsAStep = plan.kind === 'dp-sgd' ? plan.expectedBatchSize : Math.min(plan.batchSize, trainingRows);
      return (steps * rowsAStep * meanTokens * trainingFactor) / tokensPerSecond + (evaluations * heldOutRows * meanTokens) / tokensPerSecond;
    }
  }
}
