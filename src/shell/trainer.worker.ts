/** A trainer: owns a device and some of the units. Computes clipped sums for the guard; tells the page nothing that depends on a note. */
import { BedsideError } from '../ground/errors.ts';
import { createTrainer } from '../training/in-process-trainer.ts';
import { modelLogits } from '../training/predict.ts';
import type { Trainer } from '../training/trainer.ts';
import { openWasm, openWebGpu, type Backend } from './backend.ts';
import { chooseBackend, reportOf } from './device.ts';
import { loadEncoderWeights } from './encoder.ts';
import { FeatureCache } from './feature-cache.ts';
import { expose, holdLifeLock } from './remote.ts';
import { logRequests, readRequestLog } from './request-log.ts';
import { ResilientEngine } from './resilient-engine.ts';
import { createQueue } from './serial.ts';
import type { GuardedTrainer, TrainerHost } from './trainer-service.ts';

logRequests();

let backend: Backend | null = null;
let engine: ResilientEngine | null = null;
let loadedName: string | null = null;

function notOpen(): BedsideError {
  return new BedsideError('device/not-open', 'device', 'The trainer has no device yet.', 'Run the device check in the settings.');
}

/** Losing the device, and whatever leaves its buffers in doubt. */
function isDeviceGone(error: unknown): boolean {
  return error instanceof BedsideError && ['device/lost', 'device/fault', 'device/out-of-memory'].includes(error.code);
}

/** A device that was taken away once may come back; one that fails, or is lost again, is given up for WASM. */
async function reopen(error: unknown, losses: number): Promise<Backend> {
  const isWorthRetrying = error instanceof BedsideError && error.code === 'device/lost' && losses === 1;
  if (!isWorthRetrying) return openWasm();
  return openWebGpu().catch(() => openWasm());
}

const host: TrainerHost = {
  live: holdLifeLock,

  async open(choice, thoroughness, onCheck) {
    backend?.close();
    engine = null;
    const chosen = await chooseBackend(choice, thoroughness, onCheck);
    backend = chosen.backend;
    return reportOf(chosen, 1);
  },

  async openChecked(name) {
    backend?.close();
    engine = null;
    backend = await (name === 'webgpu' ? openWebGpu() : openWasm());
  },

  async load(source) {
    if (!backend) throw notOpen();
    if (engine && loadedName === source.name) return;
    const weights = await loadEncoderWeights(source);
    engine = new ResilientEngine(await backend.engine(weights), isDeviceGone, async (error, losses) => {
      backend?.close();
      backend = await reopen(error, losses);
      return backend.engine(weights);
    });
    loadedName = source.name;
  },

  async serve(port) {
    if (!engine) throw notOpen();
    expose(guarded(engine), port);
  },

  device: async () => backend?.device ?? '',
  requests: async () => readRequestLog(),
  loseDevice: async () => backend?.close(),
};

/** The guard's side: one call after the other, so that a prediction never meets a training step half-way. */
function guarded(engine: ResilientEngine): GuardedTrainer {
  const cache = new FeatureCache(engine);
  const trainer: Trainer = createTrainer(engine, { pooledCache: cache });
  const inTurn = createQueue();
  return {
    get shape() {
      return engine.shape;
    },
    get device() {
      return engine.device;
    },
    assign: (units, unit) => inTurn(() => trainer.assign(units, unit)),
    assignHeldOut: (rows) => inTurn(() => trainer.assignHeldOut(rows)),
    useFeatures: (grant) => inTurn(() => cache.use(grant)),
    prepareFeatures: (features, onRows, isLasting) => inTurn(() => trainer.prepareFeatures(features, onRows, isLasting)),
    encode: (rows, features, isLasting) => inTurn(() => trainer.encode(rows, features, isLasting)),
    featureSum: () => inTurn(() => trainer.featureSum()),
    labelCounts: (classes) => inTurn(() => trainer.labelCounts(classes)),
    centreFeatures: (mean) => inTurn(() => trainer.centreFeatures(mean)),
    headGradientSum: (weights, classes, clipNorm, biasInput) => inTurn(() => trainer.headGradientSum(weights, classes, clipNorm, biasInput)),
    plainHeadGradientSum: (head, units) => inTurn(() => trainer.plainHeadGradientSum(head, units)),
    scoreHead: (head) => inTurn(() => trainer.scoreHead(head)),
    configure: (adapter) => inTurn(() => trainer.configure(adapter)),
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


expose(host);
