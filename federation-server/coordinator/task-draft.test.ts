import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agreementFigures } from '../../src/federation/agreement.ts';
import { utf8ToBytes } from '../../src/ground/bytes.ts';
import { gaussianEpsilon, gaussianMu } from '../../src/privacy/gaussian.ts';
import { centralEpsilon, completeTask, costSentence, type TaskChanges } from './task-draft.ts';
import { taskFile } from './testing/scene.ts';

const unchanged: TaskChanges = { rounds: null, epsilon: null, skew: null, centralNoise: null, releaseKey: null };
const draft = (change: object) => utf8ToBytes(JSON.stringify({ name: 'Test', coordinator: 'Nobody', labels: ['a', 'b'], labelSentences: ['heart and vessels', 'bones and joints'], unit: 'row', rounds: 4, delta: 1e-5, clipNorm: 0.5, epsilon: 2, ...change }));

describe('a task of the coordinator', () => {
  it('that says everything is served byte for byte', async () => {
    const { file, taskHash, task, initial, serverRate } = await completeTask(taskFile, unchanged);
    expect(file.equals(taskFile)).toBe(true);
    expect(taskHash).toBe(createHash('sha256').update(taskFile).digest('hex'));
    expect([task.rounds, initial, serverRate]).toEqual([3, null, 1]);
  });

  it('is another one with other rounds', async () => {
    const { file, taskHash, task } = await completeTask(taskFile, { ...unchanged, rounds: 5 });
    expect(task.rounds).toBe(5);
    expect(taskHash).toBe(createHash('sha256').update(file).digest('hex'));
    expect(file.equals(taskFile)).toBe(false);
  });

  it('gets the least noise for its epsilon, the shape of a head, a public mean of unit vectors, and a first model from the sentences', async () => {
    const { task, initial } = await completeTask(draft({}), unchanged);
    const { epsilonTotal } = agreementFigures(task);
    expect(epsilonTotal).toBeLessThanOrEqual(2);
    // One part in a million less noise is too little.
    expect(gaussianEpsilon((Math.sqrt(4) / task.noiseMultiplier) * (1 + 1e-6), 1e-5)).toBeGreaterThan(2);
    expect(task.baseModel).toMatch(/^[0-9a-f]{64}$/);
    expect(task.head).toMatchObject({ featureLayers: [6], featureWeights: [1] });
    expect([task.coordinates, task.head!.publicMean.length]).toEqual([2 * 385, 384]);
    const length = Math.hypot(...task.head!.publicMean);
    expect(length).toBeGreaterThan(0.1);
    expect(length).toBeLessThan(1);
    // Two sentences centred by their mean point in opposite directions.
    const [first, second] = [initial!.subarray(0, 384), initial!.subarray(385, 769)];
    expect(Math.hypot(...first)).toBeCloseTo(12, 4);
    for (let i = 0; i < 384; i++) expect(first[i]! + second[i]!).toBeCloseTo(0, 4);
  });

  it('maps features to few numbers: the start of the first model stays whole, an update and its bound shrink', async () => {
    const [whole, { task, initial, file }] = [await completeTask(draft({}), unchanged), await completeTask(draft({}), { ...unchanged, project: 16 })];
    const { head } = task;
    expect([head?.projection?.dimension, head?.projection?.seed, head?.projection?.directions.length]).toEqual([16, 1, 2 * 384]);
    expect([task.coordinates, initial!.length, head!.publicMean.length]).toEqual([2 * 17, 2 * 17, 384]);
    // What the directions lose by being whole numbers of 8 bits: half of 1/127 in each number at most.
    expect(Math.hypot(...initial!.subarray(0, 16))).toBeGreaterThan(12 * (1 - 1e-3));
    expect(task.updateNormBound).toBeLessThan(0.5 * whole.task.updateNormBound);
    expect(task.noiseMultiplier).toBe(whole.task.noiseMultiplier);
    // The file says it all: read again it is the same task.
    expect((await completeTask(new Uint8Array(file), unchanged)).taskHash).toBe(createHash('sha256').update(file).digest('hex'));
    const random = await completeTask(draft({ project: { dimension: 16, seed: 5, isFromSentences: false } }), unchanged);
    expect([random.task.head?.projection?.directions.length, random.task.head?.projection?.seed]).toEqual([0, 5]);
    expect(Math.hypot(...random.initial!.subarray(0, 16))).toBeLessThan(6);
  });

  it('is refused where it would map to too few numbers, to more than there are, or what it does not shape', async () => {
    for (const project of [1, 385, 2.5, -1]) await expect(completeTask(draft({ project }), unchanged), String(project)).rejects.toMatchObject({ code: 'federation/task', values: { field: 'project' } });
    for (const change of [{ coordinates: 100 }, { baseModel: 'ab'.repeat(32) }]) await expect(completeTask(draft(change), { ...unchanged, project: 16 })).rejects.toMatchObject({ code: 'federation/task', values: { field: 'project' } });
  });

  it('may have all notes of a participant for its unit: the bound is that of one, whatever units are typical', async () => {
    const { task } = await completeTask(draft({ units: 20 }), { ...unchanged, unit: 'participant' });
    expect(task.unit).toBe('participant');
    const sigma = 2 * 0.5 * task.noiseMultiplier;
    expect(task.updateNormBound).toBeCloseTo(Math.sqrt(0.25 + task.coordinates * sigma ** 2) + 6 * sigma, 8);
    expect(costSentence(task)).toContain('for all notes of a participant together');
    // The same epsilon by the same noise multiplier, of twice the clip norm.
    expect(task.noiseMultiplier).toBe((await completeTask(draft({}), unchanged)).task.noiseMultiplier);
    await expect(completeTask(draft({ unit: 'patient' }), unchanged)).rejects.toMatchObject({ code: 'federation/task', values: { field: 'unit' } });
  });

  it('bounds updates by what honest ones keep, whose sum is divided by the number of units', async () => {
    const bound = async (units?: number) => (await completeTask(draft({ coordinates: 100, baseModel: 'ab'.repeat(32), ...(units === undefined ? {} : { units }) }), unchanged)).task;
    const task = await bound(1);
    const sigma = 0.5 * task.noiseMultiplier;
    expect(task.updateNormBound).toBeCloseTo(Math.sqrt(0.25 + 100 * sigma ** 2) + 6 * sigma, 10);
    expect((await bound(20)).updateNormBound).toBeCloseTo(Math.sqrt(0.25 + 100 * (sigma / 20) ** 2) + (6 * sigma) / 20, 10);
    expect((await bound()).updateNormBound).toBe((await bound(20)).updateNormBound);
  });

  it('moves the model by recipe R\'s step for a head: further the more devices are sure to answer and the more units they have; by the mean for other numbers', async () => {
    const rate = async (change: object, minClients?: number) => (await completeTask(draft({ units: 12, ...change }), { ...unchanged, ...(minClients === undefined ? {} : { minClients }) })).serverRate;
    // nu K x / (C T) with nu = .35 sqrt(x), and x grows with the root of the devices and with the units.
    const signal = (Math.sqrt(4) * 12 * gaussianMu(2, 1e-5)) / 2;
    expect((await rate({}, 4)) / ((0.35 * signal ** 1.5 * 2) / (0.5 * 4))).toBeCloseTo(1, 6);
    expect((await rate({}, 9)) / (await rate({}, 4))).toBeCloseTo(1.5 ** 1.5, 6);
    expect(await rate({})).toBe(await rate({}, 2));
    expect((await rate({ units: 6 }, 4)) / (await rate({}, 4))).toBeCloseTo(0.5 ** 1.5, 6);
    expect(await rate({ serverRate: 7 }, 4)).toBe(7);
    expect(await rate({ coordinates: 100, baseModel: 'ab'.repeat(32) }, 4)).toBe(1);
  });

  it('is refused where it says too little, or two things at once', async () => {
    for (const [field, change] of [['epsilon', { epsilon: undefined }], ['epsilon', { noiseMultiplier: 3 }], ['rounds', { rounds: 'four' }], ['labels', { labels: ['a'] }], ['delta', { delta: 2 }], ['clipNorm', { clipNorm: -1 }]] as const)
      await expect(completeTask(draft(change), unchanged), field).rejects.toMatchObject({ family: expect.stringMatching(/input|settings/) as string });
    await expect(completeTask(taskFile, { ...unchanged, epsilon: 3 })).rejects.toMatchObject({ code: 'federation/task', values: { field: 'epsilon' } });
    await expect(completeTask(utf8ToBytes('no JSON'), unchanged)).rejects.toMatchObject({ code: 'federation/malformed' });
  });

  it('names who signs here, and is refused where it names another', async () => {
    const [own, other] = ['A', 'B'].map((letter) => `MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE${letter.repeat(128)}`) as [string, string];
    const { task, file } = await completeTask(taskFile, { ...unchanged, releaseKey: own });
    expect(task.releaseKey).toBe(own);
    // What was completed once is served as it is by the next start.
    expect((await completeTask(file, { ...unchanged, releaseKey: own })).file.equals(file)).toBe(true);
    await expect(completeTask(file, { ...unchanged, releaseKey: other })).rejects.toMatchObject({ code: 'federation/task', values: { field: 'releaseKey' } });
  });

  it('may have the server add noise, and says what that promises', async () => {
    const { task } = await completeTask(taskFile, { ...unchanged, centralNoise: { noiseMultiplier: 2, cohort: 50 } });
    expect(task.centralNoise).toEqual({ noiseMultiplier: 2, cohort: 50 });
    const central = centralEpsilon(task)!;
    expect(central).toMatchObject({ noiseMultiplier: 2, cohort: 50, delta: 1e-5, perRound: gaussianEpsilon(1 / 2, 1e-5), total: gaussianEpsilon(Math.sqrt(3) / 2, 1e-5) });
    expect(costSentence(task)).toContain(`${Math.ceil(central.total * 1000) / 1000} in all for each participant`);
    expect(centralEpsilon((await completeTask(taskFile, unchanged)).task)).toBeNull();
  });

  it('deals out the made-up notes of its own labels alone, as unlike as the command says', async () => {
    const alike = await completeTask(null, unchanged);
    expect(alike.task.sample).toEqual({ persons: 40, notes: 110, alpha: null });
    expect((await completeTask(null, { ...unchanged, coordinator: 'St Example' })).task.coordinator).toBe('St Example');
    const apart = await completeTask(null, { ...unchanged, skew: 0.3 });
    expect(apart.task.sample).toEqual({ persons: 40, notes: 110, alpha: 0.3 });
    expect(apart.taskHash).not.toBe(alike.taskHash);
    await expect(completeTask(taskFile, { ...unchanged, skew: 0.3 })).rejects.toMatchObject({ code: 'federation/task', values: { field: 'sample' } });
    await expect(completeTask(draft({ sample: { persons: 4, notes: 9, alpha: null } }), unchanged)).rejects.toMatchObject({ code: 'federation/task', values: { field: 'labels' } });
  });

  it('of nobody is the built-in notes', async () => {
    const { task } = await completeTask(null, { ...unchanged, rounds: 2, epsilon: 8 });
    expect(task.labels).toHaveLength(4);
    expect(agreementFigures(task).epsilonTotal).toBeCloseTo(8, 6);
  });
});

describe('epsilon of the server\'s own noise', () => {
  const rows = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'tests', 'gaussian-epsilons.json'), 'utf8')) as readonly { readonly rounds: number; readonly noiseMultiplier: number; readonly delta: number; readonly epsilon: number }[];

  it.each(rows)('$rounds rounds of $noiseMultiplier at $delta is the one that the ServerApp is held to', ({ rounds, noiseMultiplier, delta, epsilon }) => {
    // Both end a bisection; a part in a thousand million is far below what is ever shown.
    expect(gaussianEpsilon(Math.sqrt(rounds) / noiseMultiplier, delta) / epsilon).toBeCloseTo(1, 9);
  });
});
