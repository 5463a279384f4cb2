/**
 * `npm run bench -- federation --variants`: other ways to spend the same epsilon on mts-dialog, beside the one that is built: one noised full-batch gradient a
 * round, ten rounds, plain steps, the last model. Noise and clipping are the participants', the mean is worked out here.
 */
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { fitUpdate } from '../src/federation/agreement.ts';
import { gaussianMu } from '../src/privacy/gaussian.ts';
import { gaussianIntegers } from '../src/privacy/noise.ts';
import { federatedServerRate, honestNormBound } from '../src/training/federated-rate.ts';
import { federatedFeatures } from '../src/training/federated-task.ts';
import { streamTensors } from '../src/training/stream-tensors.ts';
import type { Trainer } from '../src/training/trainer.ts';
import { delta, taskOf } from './federation-run.ts';
import type { FederationSet, Scores } from './federation-set.ts';
import { splitUnits, type SplitKind } from './federation-split.ts';

interface Variant {
  readonly rounds: number;
  /** Noisy steps of a participant before it answers; each is paid for. */
  readonly localSteps: number;
  /** Factor on the rule's rate. */
  readonly rate: number;
  readonly momentum: number;
  /** Last share of the models that is averaged; 0: the last one. */
  readonly averageLast: number;
  /** What the bound is made for. */
  readonly unitsOf: 'typical' | 'fewest';
}

const built: Variant = { rounds: 10, localSteps: 1, rate: 1, momentum: 0, averageLast: 0, unitsOf: 'typical' };

export const variants: Readonly<Record<string, Variant>> = {
  'as built': built,
  '3 rounds': { ...built, rounds: 3 },
  '5 rounds': { ...built, rounds: 5 },
  '20 rounds': { ...built, rounds: 20 },
  '3 rounds of 4 local steps': { ...built, rounds: 3, localSteps: 4 },
  '10 rounds of 4 local steps': { ...built, localSteps: 4 },
  '10 rounds of 4 local steps, rate x 0.3': { ...built, localSteps: 4, rate: 0.3 },
  'momentum 0.8': { ...built, rate: 0.2, momentum: 0.8 },
  'mean of the last half': { ...built, averageLast: 0.5 },
  'bound for the fewest units': { ...built, unitsOf: 'fewest' },
};

interface Client {
  readonly trainer: Trainer;
  readonly units: number;
}

export async function runVariant(set: FederationSet, { rounds, localSteps, rate, momentum, averageLast, unitsOf }: Variant, split: SplitKind, count: number, epsilon: number, seed: number): Promise<Scores> {
  const shares = splitUnits(set.training, count, split, seed);
  const sizes = shares.map(({ length }) => length);
  const units = unitsOf === 'fewest' ? Math.min(...sizes) : Math.max(1, Math.round(set.training.length / shares.length));
  const { task: agreed, initial } = await taskOf(set, epsilon, units);
  const { head } = agreed;
  if (head === undefined || initial === null) throw new Error('Expected a task with a head and a first model.');
  const steps = rounds * localSteps;
  const noiseMultiplier = Math.sqrt(steps) / gaussianMu(epsilon, delta);
  const shape = { ...agreed, rounds: steps, noiseMultiplier };
  const task = { ...shape, updateNormBound: honestNormBound(shape, units) };
  const step = rate * federatedServerRate(task, shares.length);
  const clients: Client[] = [];
  for (const share of shares) {
    const trainer = set.openTrainer();
    await trainer.assign(share, 'row');
    await trainer.assignHeldOut([]);
    await trainer.prepareFeatures(federatedFeatures(head), () => undefined);
    await trainer.centreFeatures(Float32Array.from(head.publicMean));
    clients.push({ trainer, units: share.length });
  }
  /** One noisy step's worth of a client at a model, as it would be sent. */
  const update = async ({ trainer, units: own }: Client, model: Float32Array): Promise<Float32Array> => {
    const { sum, sensitivity, gridScale } = await trainer.headGradientSum(model, set.labels.length, task.clipNorm, head.biasInput);
    const noise = await gaussianIntegers(createNodeKeyStream(), 1, streamTensors.gradient, sum.length, noiseMultiplier * sensitivity);
    return fitUpdate(sum.map((value, i) => -(value + noise[i]!) / gridScale / own), sum.length, task.updateNormBound);
  };
  let model = initial;
  const velocity = new Float64Array(model.length);
  const average = new Float64Array(model.length);
  const averaged = Math.max(1, Math.floor(averageLast * rounds));
  for (let round = 1; round <= rounds; round++) {
    const mean = new Float64Array(model.length);
    for (const client of clients) {
      let local = model;
      for (let k = 0; k < localSteps; k++) {
        const own = await update(client, local);
        local = local.map((value, i) => value + step * own[i]!);
      }
      for (let i = 0; i < mean.length; i++) mean[i]! += (local[i]! - model[i]!) / clients.length;
    }
    for (let i = 0; i < mean.length; i++) velocity[i] = momentum * velocity[i]! + mean[i]!;
    model = model.map((value, i) => value + velocity[i]!);
    if (round > rounds - averaged) for (let i = 0; i < mean.length; i++) average[i]! += model[i]! / averaged;
  }
  return set.score({ features: federatedFeatures(head), mean: Float32Array.from(head.publicMean), biasInput: head.biasInput, weights: Float32Array.from(average) });
}
