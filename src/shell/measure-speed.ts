/** Times this device at what runs are made of, in trainer workers that are started for it and ended after it. */
import { busyFraction } from '../energy/busy-fraction.ts';
import { BedsideError } from '../ground/errors.ts';
import type { MeasuredSetup, MeasuredSpeed, Progress } from './bedside.service.ts';
import type { BackendChoice } from './device.ts';
import type { EncoderSource } from './encoder-source.ts';
import { proxy, type WorkerLink } from './remote.ts';
import type { SpeedPass, SpeedTask } from './speed-tasks.ts';
import { startTrainer } from './start-trainer.ts';
import { workCancelled } from './shared-work.ts';
import type { TrainerHost } from './trainer-service.ts';

export interface SpeedOptions {
  readonly encoder: EncoderSource;
  readonly choice: BackendChoice;
  /** Of a full crew on the processor. */
  readonly workers: number;
  /** Starts a trainer worker, or what stands in for one. */
  readonly start?: () => Promise<TrainerLink>;
}

type TrainerLink = Pick<WorkerLink<TrainerHost>, 'call' | 'terminate'>;

const tasks = ['read', 'head', 'adapters'] as const satisfies readonly SpeedTask[];
/** After one pass that warms up; the median counts. A slow device is asked once. */
const mostPasses = 5;
const longestMs = 4000;

interface Timed extends SpeedPass {
  readonly notesPerSecond: number;
}

function disagrees(): BedsideError {
  return new BedsideError('device/speed-of-wrong-kernels', 'device', 'The WebAssembly kernels do not agree with plain arithmetic here, so their speed says nothing.', 'Run the self-check above to see which, and use another browser.');
}

type Trainers = readonly TrainerLink[];

/** All trainers at once, as in a run: a pass takes as long as the slowest of them. */
async function timed(trainers: Trainers, task: SpeedTask): Promise<Timed> {
  const once = async () => {
    const passes = await Promise.all(trainers.map((link) => link.call((host) => host.speedPass(task))));
    return passes.reduce((slowest, pass) => (pass.elapsedMs > slowest.elapsedMs ? pass : slowest));
  };
  await once();
  const passes: SpeedPass[] = [];
  for (let spentMs = 0; passes.length < mostPasses && spentMs < longestMs; spentMs += passes.at(-1)!.elapsedMs) passes.push(await once());
  const median = passes.toSorted((a, b) => a.elapsedMs - b.elapsedMs)[(passes.length - 1) >> 1]!;
  // A browser's clock has steps of up to a tenth of a millisecond.
  return { ...median, notesPerSecond: (trainers.length * median.notes * 1000) / Math.max(0.1, median.elapsedMs) };
}

/**
 * Measures one worker and a full crew on the processor, then the graphics chip where there is a real one, or one was chosen by the person.
 * A backend whose kernels disagree with the reference is not measured, nor a graphics chip that is lost meanwhile for good: part of its times are the processor's. Rejects with `cancelled` when `signal` says so; its workers then end at once.
 */
export async function measureSpeed({ encoder, choice, workers, start: startLink = startTrainer }: SpeedOptions, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<MeasuredSpeed> {
  let running: TrainerLink[] = [];
  const end = () => {
    for (const link of running) link.terminate();
    running = [];
  };
  const start = async () => {
    const link = await startLink();
    running.push(link);
    if (signal.aborted) end();
    return link;
  };
  const wantsGpu = navigator.gpu !== undefined;
  const crews = workers > 1 ? [1, workers] : [1];
  const total = (crews.length + (wantsGpu ? 1 : 0)) * (tasks.length + 1);
  let done = 0;
  const tell = () => onProgress({ done: ++done, total });
  let tokens = 0;

  const load = (link: Trainers[number]) => link.call((host) => host.load(encoder));
  const measured = async (backend: 'wasm' | 'webgpu', device: string, trainers: Trainers): Promise<MeasuredSetup> => {
    await Promise.all(trainers.map(load));
    tell();
    const found = new Map<SpeedTask, Timed>();
    for (const task of tasks) {
      found.set(task, await timed(trainers, task));
      tell();
    }
    const [read, head, adapters] = tasks.map((task) => found.get(task)!) as [Timed, Timed, Timed];
    tokens = read.tokens;
    return {
      backend,
      device: { name: device, workers: trainers.length },
      notesPerSecond: { read: read.notesPerSecond, head: head.notesPerSecond, adapters: adapters.notesPerSecond },
      stepMs: adapters.elapsedMs,
      stepNotes: adapters.notes,
      launches: adapters.launches,
      memoryBytes: adapters.memoryBytes,
      busyFraction: busyFraction(backend === 'webgpu', trainers.length, navigator.hardwareConcurrency),
    };
  };

  signal.addEventListener('abort', end, { once: true });
  try {
    if (signal.aborted) throw workCancelled();
    onProgress({ done, total });
    const setups: MeasuredSetup[] = [];
    const first = await start();
    const { backend, device } = await first.call((host) => host.open('wasm', 'start', proxy(() => undefined)));
    if (backend !== 'wasm' || (await load(first)).backend !== 'wasm') throw disagrees();
    for (const count of crews) {
      while (running.length < count) {
        const link = await start();
        await link.call((host) => host.openChecked('wasm'));
      }
      setups.push(await measured('wasm', device.name, [...running]));
    }
    end();
    let noWebGpu: string | null = wantsGpu ? null : 'no-webgpu';
    if (wantsGpu) {
      const link = await start();
      const report = await link.call((host) => host.open(choice === 'webgpu' ? 'webgpu' : 'automatic', 'start', proxy(() => undefined)));
      const loaded = report.backend === 'webgpu' ? await load(link) : report;
      const setup = loaded.backend === 'webgpu' ? await measured('webgpu', loaded.device.name, [link]) : null;
      const used = setup ? await link.call((host) => host.device()) : loaded;
      if (setup && used.backend === 'webgpu') setups.push(setup);
      else noWebGpu = used.reason;
    }
    if (signal.aborted) throw workCancelled();
    onProgress({ done: total, total });
    return { measuredAtMs: Date.now(), encoder: encoder.name, tokens, cores: navigator.hardwareConcurrency, browser: navigator.userAgent, noWebGpu, setups };
  } catch (error) {
    throw signal.aborted ? workCancelled() : error;
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
