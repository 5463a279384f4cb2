import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../engine/bert.ts';
import { isDeviceGone } from '../engine/device-gone.ts';
import { nanoModel } from '../engine/model/nano.ts';
import { acquireGpuDevice, type GpuDevice } from '../engine/webgpu/device.ts';
import { noAdapter } from '../engine/webgpu/device-errors.ts';
import { createWebGpuOperations } from '../engine/webgpu/webgpu-operations.ts';
import { mulberry32 } from '../ground/random.ts';
import type { Checkpoint } from '../training/checkpoint.ts';
import { createTrainer } from '../training/in-process-trainer.ts';
import { runSession } from '../training/session.ts';
import { nanoPlans, nanoSession, nanoUnits, type RecordedCharge } from '../training/testing/nano-session.ts';
import { openingOf } from './device.ts';
import { openReference } from './reference-backend.ts';
import { ResilientEngine } from './resilient-engine.ts';
import { TrainerDevice } from './trainer-device.ts';

const units = 24;
const dpSgd = nanoPlans.dpSgd(units, { steps: 3, expectedBatchSize: 12 });
const plainLora = nanoPlans.plainLora(units, { epochs: 1 });
type RunPlan = typeof dpSgd | typeof plainLora;
const weights = nanoModel(1).weights;
/** Several micro-batches a step. */
const maximumTokens = 32;

/** What a run does, one after the other: calls to WebGPU, and what the session does on the processor. */
type Happening = 'dispatch' | 'write' | 'read' | 'charge' | 'save';

let device: GpuDevice;
let engine: ResilientEngine;
const onHappening: { now: (what: Happening) => void } = { now: () => undefined };

let isThereADevice = true;

async function openEngine() {
  if (!isThereADevice) throw noAdapter();
  device = await acquireGpuDevice();
  return createEngine(createWebGpuOperations(device), weights, { maximumTokens });
}

const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
const { writeBuffer } = GPUQueue.prototype;
const { mapAsync } = GPUBuffer.prototype;

beforeAll(async () => {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) {
    onHappening.now('dispatch');
    return dispatchWorkgroups.apply(this, size);
  };
  Object.assign(GPUQueue.prototype, {
    writeBuffer(this: GPUQueue, ...args: Parameters<GPUQueue['writeBuffer']>) {
      onHappening.now('write');
      return writeBuffer.apply(this, args);
    },
  });
  GPUBuffer.prototype.mapAsync = function (mode, ...range) {
    // The loss meets a read that is under way.
    const reading = mapAsync.apply(this, [mode, ...range]);
    onHappening.now('read');
    return reading;
  };
  engine = new ResilientEngine(await openEngine(), isDeviceGone, openEngine);
});

afterAll(() => {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
  Object.assign(GPUQueue.prototype, { writeBuffer });
  GPUBuffer.prototype.mapAsync = mapAsync;
  engine.dispose();
  device.destroy();
});

/** A run on an engine, all of whose happenings are told. A clock of a second a look, so that a plain run saves every few steps. */
function sessionOn(on: ResilientEngine, plan: RunPlan, resumeFrom: Checkpoint | null = null) {
  let nowMs = 0;
  const session = nanoSession(plan, { training: nanoUnits(units, 3, 1), trainers: [createTrainer(on)], clock: () => (nowMs += 1000), resumeFrom });
  const { input, ledger, checkpoints } = session;
  const run = () => runSession({
    ...input,
    ...(plan.kind === 'dp-sgd' ? {} : { charges: null, keys: null }),
    ...(plan.kind === 'dp-sgd' ? { charges: { charge: (...charge: Parameters<typeof ledger.charge>) => (onHappening.now('charge'), ledger.charge(...charge)) } } : {}),
    checkpoints: { save: (saved: Checkpoint) => (onHappening.now('save'), checkpoints.save(saved)) },
  });
  return { run, ledger, checkpoints };
}

async function thetaOf(run: ReturnType<typeof runSession>): Promise<Float32Array> {
  const { model, state } = await run;
  expect(state).toBe('finished');
  if (model.kind !== 'lora') throw new Error(model.kind);
  return model.theta;
}

interface WholeRun {
  readonly theta: Float32Array;
  readonly seen: readonly Happening[];
  readonly charges: readonly RecordedCharge[];
  readonly last: Checkpoint;
}

const wholeRuns = new Map<RunPlan, WholeRun>();

/** The run of a plan to which nothing happens. */
async function undisturbed(plan: RunPlan): Promise<WholeRun> {
  const known = wholeRuns.get(plan);
  if (known) return known;
  const seen: Happening[] = [];
  onHappening.now = (what) => void seen.push(what);
  const { run, ledger, checkpoints } = sessionOn(engine, plan);
  const theta = await thetaOf(run());
  onHappening.now = () => undefined;
  const whole = { theta, seen, charges: ledger.charges, last: checkpoints.saved.at(-1)! };
  wholeRuns.set(plan, whole);
  return whole;
}

/** Places of the given happenings, drawn by a seed. */
function placesOf(seen: readonly Happening[], wanted: readonly Happening[]): { readonly what: Happening; readonly place: number }[] {
  const random = mulberry32(2024);
  return wanted.map((what, turn) => {
    const places = seen.flatMap((one, place) => (one === what ? [place] : []));
    // One in each part of the run, so that they do not gather by chance.
    return { what, place: places[Math.floor(((turn + random()) / wanted.length) * places.length)]! };
  });
}

/** Calls `then` once, when the happening of that number begins; says whether it came. */
function at(place: number, then: () => void): { readonly hasCome: () => boolean } {
  let seen = 0;
  onHappening.now = () => {
    if (seen++ === place) then();
  };
  return { hasCome: () => seen > place };
}

// Each loss compiles every kernel again, which takes most of the time; and many times more of it where much else works.
const timeout = 300_000;

describe('a device that is destroyed in the middle of', { timeout }, () => {
  it.each<[string, RunPlan, readonly Happening[]]>([
    // Between the charge and the save lie the noise and the optimizer.
    ['DP-SGD of adapters', dpSgd, ['dispatch', 'dispatch', 'write', 'read', 'charge', 'save']],
    ['plain adapters with AdamW', plainLora, ['dispatch', 'dispatch', 'read', 'save']],
  ])('%s: the run comes to the same bits wherever that is, and each step is charged once', async (_, plan, wanted) => {
    const whole = await undisturbed(plan);
    for (const { what, place } of placesOf(whole.seen, wanted)) {
      const { run, ledger, checkpoints } = sessionOn(engine, plan);
      // From below, as a driver's reset comes.
      const met = at(place, () => device.backend.device.destroy());
      const theta = await thetaOf(run());
      onHappening.now = () => undefined;
      const words = `${what} ${place} of ${whole.seen.length}`;
      expect(met.hasCome(), words).toBe(true);
      expect(theta, words).toEqual(whole.theta);
      // The optimizer's state and the step's number as well.
      const { step, tensors, counts } = whole.last;
      expect(checkpoints.saved.at(-1), words).toMatchObject({ step, tensors, counts });
      expect(ledger.charges, words).toEqual(whole.charges);
    }
    // A loss while the last step is saved is met by the next run.
    expect(engine.losses).toBeGreaterThanOrEqual(wanted.length - 1);
  });

  it('a run that gets no other device: resumed from its last checkpoint, it comes to the same bits, each step charged once', async () => {
    const whole = await undisturbed(dpSgd);
    const saves = whole.seen.flatMap((one, place) => (one === 'save' ? [place] : []));
    // In the second step: the first save is that of the start.
    const place = whole.seen.findIndex((one, index) => index > saves[1]! && one === 'read');
    const first = sessionOn(engine, dpSgd);
    at(place, () => {
      isThereADevice = false;
      device.backend.device.destroy();
    });
    await expect(first.run()).rejects.toMatchObject({ code: 'device/no-adapter', family: 'device' });
    onHappening.now = () => undefined;
    isThereADevice = true;
    const saved = first.checkpoints.saved.at(-1)!;
    expect(saved.step).toBe(1);
    const second = sessionOn(engine, dpSgd, saved);
    // The key is that of the first run here, so that the noise is: a run that is resumed draws from another.
    expect(await thetaOf(second.run())).toEqual(whole.theta);
    expect([...first.ledger.charges, ...second.ledger.charges]).toEqual(whole.charges);
  });
});

describe('a device that', { timeout }, () => {
  it.each<[string, () => void]>([
    ['refuses a command', () => void device.backend.device.createBuffer({ size: 4, usage: 0 })],
    // No test can fill a device's memory: the event is the one that comes then.
    ['has no memory left', () => void device.backend.device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error: new GPUOutOfMemoryError('no memory') }))],
  ])('%s is given up for WASM, where the run goes on', async (_, fail) => {
    const whole = await undisturbed(dpSgd);
    let replaced = 0;
    const used = TrainerDevice.takeOver({ ...openReference(), name: 'webgpu', engine: openEngine, close: () => device.destroy() }, openingOf('webgpu', () => undefined), () => void replaced++);
    const failing = await used.engine({ weights, golden: null }, (backend) => backend.engine(weights));
    const { run, ledger } = sessionOn(failing, dpSgd);
    const met = at(Math.floor(whole.seen.length / 2), fail);
    const theta = await thetaOf(run());
    onHappening.now = () => undefined;
    expect(met.hasCome()).toBe(true);
    expect([failing.backend, failing.losses, replaced]).toEqual(['wasm', 1, 1]);
    expect(used.chosen).toMatchObject({ reason: 'webgpu-failed', mismatch: null });
    expect(used.chosen.checks.every(({ backend, passed }) => backend === 'wasm' && passed)).toBe(true);
    expect(ledger.charges).toEqual(whole.charges);
    // Each backend is within 1e-5 of the reference, and clipping and the optimizer take no difference further than it is; 3e-8 here.
    expect(Math.max(...theta.map((value, i) => Math.abs(value - whole.theta[i]!)))).toBeLessThan(1e-5);
    failing.dispose();
  });
});
