import { describe, expect, it, onTestFinished } from 'vitest';
import { Crew } from './crew.ts';
import { nanoName } from './encoder-source.ts';
import { connectTrainer } from './remote-trainer.ts';

const nano = { name: nanoName, folder: '' };
const rows = [Int32Array.of(2, 41, 42, 3), Int32Array.of(2, 50, 3), Int32Array.of(2, 60, 61, 62, 63, 3)];
const features = { layers: [2], weights: [1], isUnitLength: true };

function startCrew(choice: 'automatic' | 'wasm' | 'webgpu', workers: number): Crew {
  const crew = new Crew(choice, nano, workers);
  onTestFinished(() => crew.dismiss());
  return crew;
}

async function trainersOf(crew: Crew) {
  const trainers = await Promise.all((await crew.ports()).map(connectTrainer));
  onTestFinished(() => trainers.forEach((trainer) => trainer.release()));
  return trainers;
}

describe('trainer workers', () => {
  it('that are sent away while they open leave those that come after them alone', async () => {
    const crew = startCrew('wasm', 1);
    const ended = crew.device().catch((error: unknown) => error);
    await Promise.resolve();
    crew.restart();
    const opened = crew.device();
    expect(await ended).toMatchObject({ code: 'device/worker-died' });
    await opened;
    const [link] = crew.links;
    expect(link?.isDead).toBe(false);
    // Nobody asks for another trainer beside it.
    await crew.device();
    expect(crew.links).toEqual([link]);
  });

  it('of a crew that is sent away while it fills up do not come into the next one', async () => {
    const crew = startCrew('wasm', 2);
    await crew.device();
    const ended = crew.ports().catch((error: unknown) => error);
    await Promise.resolve();
    crew.restart();
    const [opened] = await Promise.all([crew.device(), ended]);
    expect(await ended).toMatchObject({ code: 'device/worker-died' });
    expect(opened.backend).toBe('wasm');
    expect(crew.links.map(({ isDead }) => isDead)).toEqual([false]);
  });

  it('are replaced once where they were on their way', async () => {
    const crew = startCrew('wasm', 1);
    const ended = crew.device().catch((error: unknown) => error);
    await expect.poll(() => crew.links.length).toBe(1);
    crew.restart();
    const opened = crew.device();
    expect(await ended).toMatchObject({ code: 'device/worker-died' });
    await opened;
    expect(crew.links.map(({ isDead }) => isDead)).toEqual([false]);
  });

  it('pass a software adapter over, and say so', async () => {
    const report = await startCrew('automatic', 1).device();
    expect(report).toMatchObject({ backend: 'wasm', mismatch: null, isSecureContext: true });
    expect(['software-adapter', 'no-webgpu']).toContain(report.reason);
    expect(report.checks.length).toBeGreaterThan(10);
    expect(report.checks.every((check) => check.passed)).toBe(true);
  });

  it('agree with each other, and answer the guard over their ports alone', async () => {
    const crew = startCrew('wasm', 2);
    const trainers = await trainersOf(crew);
    expect(trainers).toHaveLength(2);
    const [first, second] = await Promise.all(trainers.map((trainer) => trainer.encode(rows, features)));
    expect(first).toHaveLength(rows.length * trainers[0]!.shape.width);
    expect(second).toEqual(first);
    expect((await crew.device()).device.workers).toBe(2);
  });

  it('sum clipped features exactly, however the units are shared', async () => {
    const units = rows.map((ids, unit) => ({ unit, rows: [{ ids, label: unit % 2 }] }));
    const [one, two] = await trainersOf(startCrew('wasm', 2));
    const sumOf = async (part: typeof units, trainer: NonNullable<typeof one>) => {
      await trainer.assign(part, 'row');
      await trainer.assignHeldOut([]);
      await trainer.prepareFeatures(features, () => undefined);
      return trainer.featureSum();
    };
    const whole = await sumOf(units, one!);
    const parts = [await sumOf(units.slice(0, 1), one!), await sumOf(units.slice(1), two!)];
    expect(whole.unitCount).toBe(3);
    expect(parts[0]!.sum.map((value, index) => value + parts[1]!.sum[index]!)).toEqual(whole.sum);
  });

  it('are noticed when they die, and replaced', async () => {
    const crew = startCrew('wasm', 1);
    const [trainer] = await trainersOf(crew);
    // More than the two seconds that Chromium gives a task to end by itself.
    const many = Array.from({ length: 30_000 }, () => Int32Array.from({ length: 100 }, (_, token) => token));
    const encoding = trainer!.encode(many, features);
    crew.links[0]!.terminate();
    await expect(encoding.then(() => 'answered')).rejects.toMatchObject({ code: 'device/worker-died', family: 'device' });
    expect(trainer!.isDead).toBe(true);
    const [replacement] = await trainersOf(crew);
    expect(await replacement!.encode(rows, features)).toHaveLength(rows.length * replacement!.shape.width);
  });

  it('whose graphics device is taken away between its check and their encoder go on, on one that is checked as the first was', async ({ skip }) => {
    const crew = startCrew('webgpu', 1);
    const opened = await crew.device();
    if (opened.reason === 'no-webgpu') skip('no WebGPU');
    expect(opened).toMatchObject({ backend: 'webgpu', reason: 'chosen' });
    await crew.links[0]!.call((host) => host.loseDevice());
    const [trainer] = await trainersOf(crew);
    expect(await trainer!.encode(rows, features)).toHaveLength(rows.length * trainer!.shape.width);
    // The same kernels are checked again, and the encoder's known answers once.
    const { checks, ...report } = await crew.device();
    expect(report).toMatchObject({ backend: 'webgpu', reason: 'chosen', mismatch: null });
    expect(checks.map(({ operation, passed }) => `${operation} ${passed}`)).toEqual([...opened.checks.map(({ operation }) => operation), 'goldenOutputs', 'goldenLosses', 'goldenGradients'].map((operation) => `${operation} true`));
    expect(crew.checked).toMatchObject({ backend: 'webgpu', hasGolden: true, refused: [] });
  });

  it('go on after the graphics device was taken away, with the same results', async ({ skip }) => {
    const crew = startCrew('webgpu', 1);
    const report = await crew.device();
    // Where there is no WebGPU at all there is no device to lose.
    if (report.reason === 'no-webgpu') skip('no WebGPU');
    expect(report).toMatchObject({ backend: 'webgpu', reason: 'chosen' });
    const [trainer] = await trainersOf(crew);
    const before = await trainer!.encode(rows, features);
    await crew.links[0]!.call((host) => host.loseDevice());
    const after = await trainer!.encode(rows, features);
    // Another device of the same kind, or WASM: float32 sums in another order.
    after.forEach((value, index) => expect(value).toBeCloseTo(before[index]!, 4));
  });
});
