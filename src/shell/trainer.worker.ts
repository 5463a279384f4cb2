/** A trainer: owns a device and some of the units. Computes clipped sums for the guard; tells the page nothing that depends on a note. */
import { BedsideError } from '../ground/errors.ts';
import { checkedDevice } from '../training/checked-device.ts';
import { awakeClockHere } from './awake-clock.ts';
import { openWasm, openWebGpu, type Backend } from './backend.ts';
import { openingOf, reportOf } from './device.ts';
import { Pacer } from './pacer.ts';
import { openHeadProducts } from './kernel-files.ts';
import { expose, holdLifeLock } from './remote.ts';
import { logRequestsForPage } from './request-log.ts';
import type { ResilientEngine } from './resilient-engine.ts';
import type { SpeedPass, SpeedTask } from './speed-tasks.ts';
import { TrainerDevice } from './trainer-device.ts';
import type { TrainerHost, UsedDevice } from './trainer-service.ts';

logRequestsForPage();

let device: TrainerDevice | null = null;
let engine: ResilientEngine | null = null;
let loadedName: string | null = null;
const pacer = new Pacer(awakeClockHere().now, (ms) => new Promise((resolve) => setTimeout(resolve, ms)));
let speedPass: ((task: SpeedTask) => Promise<SpeedPass>) | null = null;
/** Of the guards that were given a port. */
const watchers: ((now: UsedDevice) => void)[] = [];

function notOpen(): BedsideError {
  return new BedsideError('device/not-open', 'device', 'The trainer has no device yet.', 'Run the device check in the settings.');
}

function opened(): TrainerDevice {
  if (!device) throw notOpen();
  return device;
}

function setPace(): void {
  device?.backend.leaveRoom(pacer.workShare < 1);
}

function tellReplaced(): void {
  // It may have been set while the next one was checked.
  setPace();
  const { backend, checks } = opened().chosen;
  for (const watch of watchers) watch({ device: backend.device, checked: checkedDevice(backend.name, checks) });
}

function closeDevice(): void {
  device?.backend.close();
  device = null;
  engine = null;
}

const host: TrainerHost = {
  live: holdLifeLock,

  async open(choice, thoroughness, onCheck) {
    closeDevice();
    device = await TrainerDevice.open(openingOf(choice, onCheck), thoroughness, tellReplaced);
    return reportOf(device.chosen, 1);
  },

  async openChecked(name) {
    closeDevice();
    device = TrainerDevice.takeOver(await (name === 'webgpu' ? openWebGpu() : openWasm()), openingOf(name, () => undefined), tellReplaced);
  },

  async load(source, budgetBytes) {
    const loading = opened();
    if (!engine || loadedName !== source.name) {
      // With the first run: until then nothing reads weights.
      const { loadTrainerModel } = await import('./encoder.ts');
      const model = await loadTrainerModel(source);
      const rest = () => pacer.rest();
      engine = await loading.engine(model, (on: Backend) => {
        on.leaveRoom(pacer.workShare < 1);
        return on.engine(model.weights, rest, budgetBytes);
      });
      loadedName = source.name;
    }
    return reportOf(loading.chosen, 1);
  },

  async serve(port) {
    if (!engine) throw notOpen();
    const trained = engine;
    // With the first run, as the encoder: a device is opened and checked without it.
    const { guardedTrainer } = await import('./guarded-trainer.ts');
    expose(guardedTrainer(trained, pacer, (watch) => watchers.push(watch)), port);
  },

  async pace(workShare) {
    pacer.workShare = workShare;
    setPace();
  },

  async speedPass(task) {
    if (!engine) throw notOpen();
    if (!speedPass) {
      const { createSpeedTasks } = await import('./speed-tasks.ts');
      speedPass = createSpeedTasks(engine, () => device?.backend.memoryBytes ?? 0, { openHeadProducts });
    }
    return speedPass(task);
  },

  device: async () => reportOf(opened().chosen, 1),
  loseDevice: async () => device?.backend.close(),
};

expose(host);
