import { describe, expect, it } from 'vitest';
import { createEngine } from '../engine/bert.ts';
import { checkGoldenBatch } from '../engine/golden-batch.ts';
import type { BackendName, Engine } from '../engine/engine.ts';
import { operationCases } from '../engine/operations/cases.ts';
import type { Operations } from '../engine/operations/operations.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import { selfCheck } from '../engine/self-check.ts';
import { deviceFault, deviceLost, deviceOutOfMemory, noAdapter } from '../engine/webgpu/device-errors.ts';
import type { BedsideError } from '../ground/errors.ts';
import { tokenBatch } from '../training/row-batches.ts';
import type { Backend } from './backend.ts';
import type { BackendChoice, Opening } from './device.ts';
import { loadTrainerModel } from './encoder.ts';
import { nanoName } from './encoder-source.ts';
import { TrainerDevice } from './trainer-device.ts';

type Moment = 'self-check' | 'weights' | 'golden batch';

const model = await loadTrainerModel({ name: nanoName, folder: '' });
const rows = tokenBatch([Int32Array.of(2, 41, 3)]);
const nanoCases = operationCases.filter((one) => one.model === 'nano');

/** What one device that is opened does: works, is gone at a moment for a reason, or has a wrong kernel. */
interface Fate {
  /** After so many calls of that moment. */
  readonly gone?: { readonly at: Moment; readonly error: BedsideError; readonly calls: number };
  readonly isWrong?: boolean;
  readonly isSoftware?: boolean;
}
const works: Fate = {};
const goneAt = (at: Moment, error: BedsideError, calls = at === 'weights' ? 0 : 5): Fate => ({ gone: { at, error, calls } });
const lostAt = (at: Moment, calls?: number): Fate => goneAt(at, deviceLost('unknown'), calls);

/** Reference operations under another name, on a device that can be taken away. */
class FakeBackend implements Backend {
  readonly name: BackendName;
  readonly device: string;
  readonly isSoftware: boolean;
  readonly memoryBytes = 0;
  readonly fate: Fate;
  isClosed = false;
  #failure: BedsideError | null = null;
  calls = 0;
  /** Counts down to the loss, so that it comes in the middle. */
  #callsLeft = Infinity;

  constructor(name: 'webgpu' | 'wasm', number: number, fate: Fate) {
    [this.name, this.device, this.fate] = [name, `${name} ${number}`, fate];
    this.isSoftware = fate.isSoftware ?? false;
  }

  come(moment: Moment): void {
    if (this.fate.gone?.at === moment) this.#callsLeft = this.fate.gone.calls;
  }

  #operations(): Operations<Float32Array> {
    const good = createReferenceOperations();
    const alive = () => {
      this.calls++;
      if (this.#callsLeft-- <= 0) this.#failure ??= this.fate.gone?.error ?? deviceLost('destroyed');
      if (this.#failure) throw this.#failure;
    };
    return {
      ...good,
      backend: this.name,
      device: this.device,
      load: (weights) => (alive(), good.load(weights)),
      linear: (...call) => (alive(), good.linear(...call)),
      gelu: (x, length) => (alive(), good.gelu(x, length).map((value) => (this.fate.isWrong ? -value : value))),
      download: (...call) => (alive(), good.download(...call)),
    };
  }

  check: Backend['check'] = async (_thoroughness, onCheck) => {
    this.come('self-check');
    const checks = await selfCheck(() => this.#operations(), nanoCases);
    for (const check of checks) onCheck(check);
    return checks;
  };

  engine: Backend['engine'] = async (weights) => {
    this.come('weights');
    const engine = createEngine(this.#operations(), weights);
    this.come('golden batch');
    return engine;
  };

  leaveRoom = () => undefined;

  close(): void {
    this.isClosed = true;
    this.#failure ??= deviceLost('destroyed');
  }
}

/** A machine whose WebGPU devices have these fates, one after the other; after the last there is no adapter. WASM works, or has the fate given. */
function machine(choice: BackendChoice, fates: readonly Fate[], wasm: Fate = works) {
  const opened: FakeBackend[] = [];
  const open = (name: 'webgpu' | 'wasm', fate: Fate) => {
    const backend = new FakeBackend(name, opened.filter((one) => one.name === name).length + 1, fate);
    opened.push(backend);
    return backend;
  };
  const told: string[] = [];
  let turn = 0;
  const opening: Opening = {
    choice,
    onCheck: ({ operation, backend, passed }) => passed || told.push(`${backend} ${operation}`),
    openWebGpu: async () => {
      const fate = fates[turn++];
      if (!fate) throw noAdapter();
      return open('webgpu', fate);
    },
    openWasm: async () => open('wasm', wasm),
  };
  const replaced: string[] = [];
  const start = async () => {
    const device: TrainerDevice = await TrainerDevice.open(opening, 'start', () => void replaced.push(device.backend.device));
    return device;
  };
  const load = async () => {
    const device = await start();
    return { device, engine: await device.engine(model, (backend) => backend.engine(model.weights)) };
  };
  return { opened, told, replaced, start, load, opening };
}

/** The device in use, why, and how many checks of it passed, those of the model among them; no other device has checks. */
function standing({ chosen: { backend, reason, mismatch, checks } }: TrainerDevice): string {
  expect(checks.every((check) => check.backend === backend.name && check.passed)).toBe(true);
  expect(new Set(checks.map(({ operation }) => operation)).size).toBe(checks.length);
  expect(mismatch).toBeNull();
  const golden = checks.filter(({ operation }) => operation.startsWith('golden')).length;
  expect(checks.length - golden).toBeGreaterThan(10);
  return `${backend.device}: ${reason}${golden === 3 ? ', golden' : ''}`;
}

async function answers(engine: Engine): Promise<void> {
  expect(await engine.encode(rows, [2])).toHaveLength(engine.shape.width);
}

describe('a graphics device that is gone', () => {
  it('in its self-check, be it at the last call, is opened once more, and is no wrong kernel', async () => {
    const whole = new FakeBackend('webgpu', 1, works);
    await whole.check('start', () => undefined);
    for (const calls of [0, 5, Math.floor(whole.calls / 2), whole.calls - 1]) {
      const { opened, told, start } = machine('automatic', [lostAt('self-check', calls), works]);
      expect(standing(await start()), `${calls} of ${whole.calls}`).toBe('webgpu 2: webgpu-passed');
      expect(told).toEqual([]);
      expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    }
  });

  it.each<[string, readonly Fate[], string]>([
    ['a second time', [lostAt('self-check'), lostAt('self-check'), works], 'device-lost'],
    ['for good', [lostAt('self-check')], 'device-lost'],
    ['because it refuses a command', [goneAt('self-check', deviceFault('a command')), works], 'webgpu-failed'],
    ['because it has no memory left', [goneAt('self-check', deviceOutOfMemory()), works], 'webgpu-failed'],
    ['and comes back as a software renderer', [lostAt('self-check'), { isSoftware: true }], 'software-adapter'],
  ])('in its self-check %s is given up for WASM, which is checked', async (_, fates, reason) => {
    const { opened, told, start } = machine('automatic', fates);
    expect(standing(await start())).toBe(`wasm 1: ${reason}`);
    expect(told).toEqual([]);
    expect(opened.map(({ name, isClosed }) => name === 'wasm' || isClosed)).not.toContain(false);
  });

  it.each<Moment>(['weights', 'golden batch'])('in its %s is opened once more, and held to kernels and model as at first', async (moment) => {
    const { told, load } = machine('webgpu', [lostAt(moment), works]);
    const { device, engine } = await load();
    expect(standing(device)).toBe('webgpu 2: chosen, golden');
    expect(told).toEqual([]);
    await answers(engine);
    expect(engine.losses).toBe(0);
  });

  it('between its check and its encoder likewise', async () => {
    const { opened, start } = machine('webgpu', [works, works]);
    const device = await start();
    opened[0]!.close();
    const engine = await device.engine(model, (backend) => backend.engine(model.weights));
    expect(standing(device)).toBe('webgpu 2: chosen, golden');
    await answers(engine);
  });

  it.each<[string, Fate]>([
    ['its self-check', lostAt('self-check')],
    ['its weights', lostAt('weights')],
    ['its golden batch', lostAt('golden batch')],
  ])('while its encoder is loaded, and again in %s, is given up for WASM', async (_, second) => {
    const { told, load } = machine('webgpu', [lostAt('golden batch'), second, works]);
    const { device, engine } = await load();
    expect(standing(device)).toBe('wasm 1: device-lost, golden');
    expect(told).toEqual([]);
    await answers(engine);
  });
});

describe('a graphics device that is lost in a run', () => {
  it('is another one when it comes back: held to kernels and model, and told', async () => {
    const { opened, told, replaced, load } = machine('webgpu', [works, works, works]);
    const { device, engine } = await load();
    opened[0]!.close();
    await answers(engine);
    expect(standing(device)).toBe('webgpu 2: chosen, golden');
    expect([engine.device, replaced, told]).toEqual(['webgpu 2', ['webgpu 2'], []]);
    // The second loss is the last.
    opened[1]!.close();
    await answers(engine);
    expect(standing(device)).toBe('wasm 1: device-lost, golden');
    expect([engine.device, replaced]).toEqual(['wasm 1', ['webgpu 2', 'wasm 1']]);
  });

  it('and comes back with a wrong kernel is refused for it', async () => {
    const { opened, told, load } = machine('webgpu', [works, { isWrong: true }]);
    const { device, engine } = await load();
    opened[0]!.close();
    await answers(engine);
    expect(device.chosen).toMatchObject({ backend: { device: 'wasm 1' }, reason: 'webgpu-mismatch', mismatch: 'gelu' });
    expect(told).toContain('webgpu gelu');
    expect(opened[1]!.isClosed).toBe(true);
  });

  it.each<Moment>(['self-check', 'weights', 'golden batch'])('and again in the %s of the one that came back is given up for WASM', async (moment) => {
    const { opened, told, load } = machine('webgpu', [works, lostAt(moment), works]);
    const { device, engine } = await load();
    opened[0]!.close();
    await answers(engine);
    expect(standing(device)).toBe('wasm 1: device-lost, golden');
    expect(told).toEqual([]);
  });
});

describe('WASM that fails', () => {
  it('is told after the second loss: nothing lesser could take over, and the same would fail again', async () => {
    const { opened, start } = machine('wasm', []);
    const device = await start();
    const engine = await device.engine(model, async (backend) => {
      const made = await backend.engine(model.weights);
      const encode = made.encode.bind(made);
      return Object.assign(made, { encode: (...[input, layers]: Parameters<Engine['encode']>) => (input === rows ? Promise.reject(deviceOutOfMemory()) : encode(input, layers)) });
    });
    await expect(engine.encode(rows, [2])).rejects.toMatchObject({ code: 'device/out-of-memory' });
    expect([opened.length, engine.losses]).toEqual([3, 3]);
  });

  it('for want of memory is no wrong kernel', async () => {
    const { start } = machine('wasm', [], goneAt('self-check', deviceOutOfMemory()));
    await expect(start()).rejects.toMatchObject({ code: 'device/out-of-memory' });
  });
});

it('a device that is gone is no verdict of the golden batch either', async () => {
  const backend = new FakeBackend('webgpu', 1, lostAt('golden batch'));
  await expect(checkGoldenBatch(await backend.engine(model.weights), model.golden!)).rejects.toMatchObject({ code: 'device/lost' });
});
