import { parameterLayout } from '../engine/parameters.ts';
import type { BertShape } from '../engine/model/weights.ts';
import { adapterOf, isPrivate, searchOf, type Plan } from '../training/plan.ts';
import { plannedSteps } from '../training/planned-charges.ts';
import type { RemoteTrainer } from './remote-trainer.ts';

/** How fast this device's trainers read, all together. */
export interface Speed {
  readonly tokensPerSecond: number;
  readonly workers: number;
  /** Seconds that whole runs took over those that `tokensPerSecond` alone would have them take, the last few, oldest first. */
  readonly runFactors: readonly number[];
}

/** Runs that are remembered: a machine that was busy for a day is forgotten after as many quiet ones. */
const mostFactors = 8;

export function isSpeed(value: unknown): value is Speed {
  const isPositive = (number: unknown) => typeof number === 'number' && number > 0 && Number.isFinite(number);
  return typeof value === 'object' && value !== null && 'tokensPerSecond' in value && isPositive(value.tokensPerSecond) && 'workers' in value && isPositive(value.workers) && 'runFactors' in value && Array.isArray(value.runFactors) && value.runFactors.length <= mostFactors && value.runFactors.every(isPositive);
}

const probeRows = 8;
const probeTokens = 48;
/** Multiply-adds a second of a head's gradient, one worker, taken lower than measured on a 2023 server core (8e9, 5e9 and 1.5e9): for laptops. */
const headOperationsPerSecond = { clippedRows: 4e9, clippedPersons: 3e9, plain: 1e9 } as const;
/** Values of the discrete Gaussian a second: 3 to 5 microseconds each. */
const discretePerSecond = 2e5;
/** Cost of a backward and a forward pass over the probe's forward pass: three times, and some more where the probe rounds its inputs. */
const trainingFactor = 3.5;
/**
 * The same where whole layers train, for none and, added, for all of them. Of MiniLM on a 2023 server core 2.4 times the probe's pass for two of six
 * layers and 4.6 for six; taken higher, as the others are.
 */
const wholeFactor = { none: 2, all: 3.5 } as const;
/** What a step adds a parameter of a whole layer, seconds: sums from the workers, the mean, AdamW, theta back to the workers. */
const secondsAParameter = 1.2e-7;

/**
 * What a run takes whatever it trains: trainers get their notes, the start and the end are scored and saved. Runs of the tiny model over features that were
 * read took 0.14 s in all for 5 private steps, 0.25 for 20, 0.45 for 50 and 1.1 to 1.2 for 150, on two server cores with nothing beside.
 */
const secondsARun = 0.12;
/** What a step takes beside its arithmetic. A private one is charged, durably, and saved before the next begins; of a plain one, sums go to the workers and back. */
const secondsAStep = { charged: 0.0065, plain: 0.002 } as const;
/** Word pieces of a label sentence; each is read whatever is cached. */
const sentenceTokens = 12;
/** Cached features of a note are opened and checked, and lie in memory then. */
const cachedBytesPerSecond = 1e8;

/** Times the encoder on a made-up batch, after one that warms it up. */
export async function measureSpeed(trainers: readonly RemoteTrainer[]): Promise<Speed> {
  const rows = Array.from({ length: probeRows }, () => Int32Array.from({ length: probeTokens }, (_, token) => token + 5));
  const settings = { layers: [trainers[0]!.shape.layers], weights: [1], isUnitLength: true };
  const readAll = () => Promise.all(trainers.map((trainer) => trainer.encode(rows, settings)));
  await readAll();
  const startedAtMs = performance.now();
  await readAll();
  const seconds = Math.max(1e-4, (performance.now() - startedAtMs) / 1000);
  return { tokensPerSecond: (trainers.length * probeRows * probeTokens) / seconds, workers: trainers.length, runFactors: [] };
}

/** What a plan has to read. */
export interface Workload {
  readonly trainingRows: number;
  readonly heldOutRows: number;
  readonly meanTokens: number;
  readonly classes: number;
  readonly width: number;
  /** Of the encoder. */
  readonly layers: number;
  /** Numbers that a plan of whole layers trains; 0 for the others. */
  readonly wholeParameters: number;
  /** The frozen features lie in the cache. */
  readonly isRead?: boolean;
}

/** Numbers that a plan of whole layers trains; 0 for the others. */
export function wholeParameters(plan: Plan, shape: BertShape, classes: number): number {
  return plan.kind === 'plain-layers' ? parameterLayout(shape, adapterOf(plan, classes)!).length : 0;
}

/** A speed with one more measured run beside those that it knows of. */
export function learnedSpeed(plan: Plan, workload: Workload, speed: Speed, measuredSeconds: number): Speed {
  const expected = workSeconds(plan, workload, speed);
  return expected > 0 && measuredSeconds > 0 ? { ...speed, runFactors: [...speed.runFactors, measuredSeconds / expected].slice(-mostFactors) } : speed;
}

/** Before any two runs were compared: the spread that their logarithms are taken to have, and how many runs that belief weighs. */
const priorSigma = 0.25;
const priorRuns = 3;
/** 95 % points of Student's t at 3, 4, ... 10 degrees of freedom, for a 90 % interval. Source: SciPy 1.17, stats.t.ppf(0.95, df). */
const studentT = [2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812] as const;

/**
 * Where the next run's factor lies beside those of earlier runs: their median, and a 90 % interval for one more of them by the spread of their logarithms,
 * wide enough to hold every one that was measured. Of one or two runs nobody knows whether the machine was busy: then the probe is a witness too.
 */
function factorRange(factors: readonly number[]): { readonly low: number; readonly central: number; readonly high: number } {
  const logs = factors.map(Math.log).sort((a, b) => a - b);
  const count = logs.length;
  const median = (logs[(count - 1) >> 1]! + logs[count >> 1]!) / 2;
  const mean = logs.reduce((sum, value) => sum + value, 0) / count;
  const degrees = priorRuns + count - 1;
  const squares = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  // The belief may keep a few runs that agree by chance from promising too much; it may not talk down runs that differ.
  const variance = Math.max((priorRuns * priorSigma ** 2 + squares) / degrees, count > 1 ? squares / (count - 1) : 0);
  const half = studentT[Math.min(studentT.length, count) - 1]! * Math.sqrt(variance * (1 + 1 / count));
  const witnesses = [...logs, ...(count < 3 ? [0] : [])];
  return { low: Math.exp(Math.min(median - half, ...witnesses)), central: Math.exp(median), high: Math.exp(Math.max(median + half, ...witnesses)) };
}

type SecondsRange = { readonly low: number; readonly central: number; readonly high: number };

/**
 * Seconds that a run of a plan takes, with a range: other programs, heat and batteries slow a device down, and long notes cost more than their share.
 * A probe of a moment says little of a busy machine, so its range is wide; runs that were measured there give the range by how much they differed.
 */
export function forecastSeconds(plan: Plan, workload: Workload, speed: Speed): SecondsRange {
  return withRange(workSeconds(plan, workload, speed), speed);
}

/** The same of training alone, where no run is made of it: nothing is charged, saved or scored. */
export function forecastTraining(plan: Plan, workload: Workload, speed: Speed): SecondsRange {
  return withRange(passSeconds(plan, workload, speed), speed);
}

function withRange(seconds: number, speed: Speed): SecondsRange {
  if (speed.runFactors.length === 0) return { low: 0.5 * seconds, central: seconds, high: 3 * seconds + 2 };
  const { low, central, high } = factorRange(speed.runFactors);
  return { low: low * seconds, central: central * seconds, high: high * seconds + 1 };
}

function workSeconds(plan: Plan, workload: Workload, speed: Speed): number {
  return aroundSeconds(plan, workload, speed) + passSeconds(plan, workload, speed);
}

/** What is left of a run of few notes, or of one whose notes have been read: all that is not reading them and not arithmetic on them. */
function aroundSeconds(plan: Plan, { trainingRows, heldOutRows, classes, width, isRead = false }: Workload, { tokensPerSecond }: Speed): number {
  const featureLayers = plan.kind === 'full-batch-head' ? plan.featureLayers.length : 1;
  const opening = isRead ? ((trainingRows + heldOutRows) * width * featureLayers * 4) / cachedBytesPerSecond : 0;
  return secondsARun + opening + (classes * sentenceTokens) / tokensPerSecond + plannedSteps(plan, trainingRows) * secondsAStep[isPrivate(plan) && !searchOf(plan) ? 'charged' : 'plain'];
}

function passSeconds(plan: Plan, { trainingRows, heldOutRows, meanTokens, classes, width, layers, wholeParameters, isRead = false }: Workload, { tokensPerSecond, workers }: Speed): number {
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
      const headKind = plan.kind === 'plain-head' ? 'plain' : plan.unit === 'row' ? 'clippedRows' : 'clippedPersons';
      // Logits and outer product, then the noise on each parameter.
      const noisePerSecond = plan.kind === 'full-batch-head' && plan.noiseLaw === 'discrete-gaussian' ? discretePerSecond : 2e6;
      return readOnce + (steps * rowsAStep * features * classes * 2) / (headOperationsPerSecond[headKind] * workers) + (steps * features * classes) / noisePerSecond;
    }
    case 'dp-sgd':
    case 'plain-lora':
    case 'plain-layers': {
      const rowsAStep = plan.kind === 'dp-sgd' ? plan.expectedBatchSize : Math.min(plan.batchSize, trainingRows);
      const factor = plan.kind === 'plain-layers' ? wholeFactor.none + (wholeFactor.all * plan.whole.topLayers) / layers : trainingFactor;
      return (steps * rowsAStep * meanTokens * factor) / tokensPerSecond + steps * wholeParameters * secondsAParameter + (evaluations * heldOutRows * meanTokens) / tokensPerSecond;
    }
  }
}
