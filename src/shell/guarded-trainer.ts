import { createTrainer } from '../training/in-process-trainer.ts';
import { modelLogits } from '../training/predict.ts';
import type { Trainer } from '../training/trainer.ts';
import { FeatureCache } from './feature-cache.ts';
import { openHeadProducts } from './kernel-files.ts';
import type { Pacer } from './pacer.ts';
import { PrefixFiles } from './prefix-files.ts';
import type { ResilientEngine } from './resilient-engine.ts';
import { createQueue } from './serial.ts';
import type { GuardedTrainer, UsedDevice } from './trainer-service.ts';

/** The guard's side of a trainer: one call after the other, so that a prediction never meets a training step half-way. */
export function guardedTrainer(engine: ResilientEngine, pacer: Pacer, addWatcher: (onDevice: (now: UsedDevice) => void) => void): GuardedTrainer {
  const cache = new FeatureCache(engine);
  const prefixes = new PrefixFiles(engine);
  const trainer: Trainer = createTrainer(engine, { pooledCache: cache, prefixStore: prefixes, openHeadProducts });
  const queue = createQueue();
  const inTurn = <Result>(call: () => Promise<Result>) => queue(() => pacer.paced(call));
  return {
    get shape() {
      return engine.shape;
    },
    get device() {
      return engine.device;
    },
    watch: async (onDevice) => addWatcher(onDevice),
    assign: (units, unit) => inTurn(() => trainer.assign(units, unit)),
    assignHeldOut: (rows) => inTurn(() => trainer.assignHeldOut(rows)),
    useFeatures: (grant) => inTurn(async () => {
      await cache.use(grant);
      await prefixes.use(grant);
    }),
    prepareFeatures: (features, onRows, isLasting) => inTurn(() => trainer.prepareFeatures(features, (done) => pacer.waitFor(async () => onRows(done)), isLasting)),
    encode: (rows, features, isLasting) => inTurn(() => trainer.encode(rows, features, isLasting)),
    featureSum: () => inTurn(() => trainer.featureSum()),
    labelCounts: (classes) => inTurn(() => trainer.labelCounts(classes)),
    centreFeatures: (mean, map) => inTurn(() => trainer.centreFeatures(mean, map)),
    headGradientSum: (weights, classes, clipNorm, biasInput) => inTurn(() => trainer.headGradientSum(weights, classes, clipNorm, biasInput)),
    plainHeadGradientSum: (head, units) => inTurn(() => trainer.plainHeadGradientSum(head, units)),
    scoreHead: (head) => inTurn(() => trainer.scoreHead(head)),
    initialParameters: (adapter) => inTurn(() => trainer.initialParameters(adapter)),
    configure: (adapter, isLasting) => inTurn(() => trainer.configure(adapter, isLasting)),
    loraGradientSum: (theta, units, clipNorm) => inTurn(() => trainer.loraGradientSum(theta, units, clipNorm)),
    plainLoraGradientSum: (theta, units) => inTurn(() => trainer.plainLoraGradientSum(theta, units)),
    scoreLora: (theta) => inTurn(() => trainer.scoreLora(theta)),
    modelLogits: (model, rows) =>
      inTurn(async () => {
        const { adapter, theta } = engine.installed;
        try {
          return await modelLogits(engine, model, rows);
        } finally {
          // A run in progress finds its own adapters again.
          if (model.kind === 'lora' && adapter) engine.configure(adapter);
          if (model.kind === 'lora' && theta) engine.setParameters(theta);
        }
      }),
  };
}
