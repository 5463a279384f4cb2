/** A trainer: owns a device and some of the units. Computes clipped sums for the guard; tells the page nothing that depends on a note. */
import type { Engine } from '../engine/engine.ts';
import { BedsideError } from '../ground/errors.ts';
import { awakeClockHere } from './awake-clock.ts';
import { openWasm, openWebGpu, type Backend } from './backend.ts';
import type { KernelCheck } from './bedside.service.ts';
import { agreeingEngine, chooseBackend, reportOf, type ChosenBackend } from './device.ts';
import { isDeviceGone, reopenBackend } from './device-loss.ts';
import { Pacer } from './pacer.ts';
import { openHeadProducts } from './kernel-files.ts';
import { expose, holdLifeLock } from './remote.ts';
import { logRequestsForPage } from './request-log.ts';
import { ResilientEngine } from './resilient-engine.ts';
import type { SpeedPass, SpeedTask } from './speed-tasks.ts';
import type { TrainerHost } from './trainer-service.ts';

logRequestsForPage();

let backend: Backend | null = null;
/** How this worker's backend was chosen and checked; null where another one's was taken over. */
let chosen: ChosenBackend | null = null;
let tell: (check: KernelCheck) => void = () => undefined;
let engine: ResilientEngine | null = null;
let loadedName: string | null = null;
const pacer = new Pacer(awakeClockHere().now, (ms) => new Promise((resolve) => setTimeout(resolve, ms)));
let speedPass: ((task: SpeedTask) => Promise<SpeedPass>) | null = null;

function notOpen(): BedsideError {
  return new BedsideError('device/not-open', 'device', 'The trainer has no device yet.', 'Run the device check in the settings.');
}

const host: TrainerHost = {
  live: holdLifeLock,

  async open(choice, thoroughness, onCheck) {
    backend?.close();
    engine = null;
    tell = onCheck;
    chosen = await chooseBackend(choice, thoroughness, onCheck);
    backend = chosen.backend;
    return reportOf(chosen, 1);
  },

  async openChecked(name) {
    backend?.close();
    engine = null;
    chosen = null;
    backend = await (name === 'webgpu' ? openWebGpu() : openWasm());
  },

  async load(source, budgetBytes) {
    if (!backend) throw notOpen();
    if (engine && loadedName === source.name) return chosen && reportOf(chosen, 1);
    // With the first run: until then nothing reads weights.
    const { loadTrainerModel } = await import('./encoder.ts');
    const model = await loadTrainerModel(source);
    const rest = () => pacer.rest();
    const open = (on: Backend) => {
      on.leaveRoom(pacer.workShare < 1);
      return on.engine(model.weights, rest, budgetBytes);
    };
    let first: Engine;
    if (chosen) {
      const agreed = await agreeingEngine(chosen, model, open, tell);
      chosen = agreed.chosen;
      backend = chosen.backend;
      first = agreed.engine;
    } else first = await open(backend);
    engine = new ResilientEngine(first, isDeviceGone, async (error, losses) => {
      backend?.close();
      backend = await reopenBackend(error, losses);
      return open(backend);
    });
    loadedName = source.name;
    return chosen && reportOf(chosen, 1);
  },

  async serve(port) {
    if (!engine) throw notOpen();
    const trained = engine;
    // With the first run, as the encoder: a device is opened and checked without it.
    const { guardedTrainer } = await import('./guarded-trainer.ts');
    expose(guardedTrainer(trained, pacer), port);
  },

  async pace(workShare) {
    pacer.workShare = workShare;
    backend?.leaveRoom(workShare < 1);
  },

  async speedPass(task) {
    if (!engine) throw notOpen();
    if (!speedPass) {
      const { createSpeedTasks } = await import('./speed-tasks.ts');
      speedPass = createSpeedTasks(engine, () => backend?.memoryBytes ?? 0, { openHeadProducts });
    }
    return speedPass(task);
  },

  device: async () => backend?.device ?? '',
  loseDevice: async () => backend?.close(),
};

expose(host);
