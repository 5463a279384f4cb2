import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { orthonormalMap } from '../ground/orthonormal-map.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';
import { agreementFigures, agreeTo, checkBudget, fitUpdate, sharedEpsilon } from './agreement.ts';
import { backoffMs } from './backoff.ts';
import { withRound, type RoundEntry } from './node-record.ts';
import { bytesToBase64 } from './signing.ts';
import { readTask, updateBytes, type Task } from './task.ts';
import { sha256 } from './testing/golden.ts';
import { task, taskHash } from './testing/node-scene.ts';

const fileOf = (change: object = {}) => utf8ToBytes(JSON.stringify({ ...task, ...change }));

describe('a task file', () => {
  it('is read, and named by the hash of its bytes', async () => {
    const read = await readTask(sha256, fileOf());
    expect(read.task).toEqual(task);
    const spaced = await readTask(sha256, utf8ToBytes(JSON.stringify(task, null, 2)));
    expect(spaced.task).toEqual(task);
    expect(spaced.taskHash).not.toBe(read.taskHash);
  });

  const wrong: readonly (readonly [string, object])[] = [
    ['labels', { labels: ['a'] }], ['labels', { labels: ['a', 'a'] }], ['labels', { labels: 'ab' }], ['labels', { labels: ['a', 1] }],
    ['labelSentences', { labelSentences: ['An a.'] }], ['baseModel', { baseModel: 'xyz' }], ['unit', { unit: 'hospital' }],
    ['coordinates', { coordinates: 0 }], ['coordinates', { coordinates: 1.5 }], ['coordinates', { coordinates: 1e8 }], ['rounds', { rounds: -1 }], ['rounds', { rounds: 1e6 }],
    ['clipNorm', { clipNorm: 0 }], ['noiseMultiplier', { noiseMultiplier: 0 }], ['noiseMultiplier', { noiseMultiplier: '4' }], ['delta', { delta: 0 }], ['delta', { delta: 1 }],
    ['updateNormBound', { updateNormBound: null }], ['name', { name: '' }], ['coordinator', { coordinator: undefined }], ['noiseLaw', { noiseLaw: 'discrete-gaussian' }], ['noiseLaw', { noiseLaw: null }],
  ];
  it.each(wrong)('with a bad %s is refused by name', async (field, change) => {
    await expect(readTask(sha256, fileOf(change))).rejects.toMatchObject({ code: 'federation/task', values: { field } });
  });

  const head = { maximumLength: 128, featureLayers: [6], featureWeights: [1], publicMean: [0.1, -0.2, 0], biasInput: 0.3 };

  it('may say what the shared numbers mean, and is refused by name where that is not so', async () => {
    const read = await readTask(sha256, fileOf({ head }));
    expect(read.task).toEqual({ ...task, head });
    const wrongHeads: readonly (readonly [string, unknown])[] = [
      ['head', null], ['head', []], ['coordinates', { ...head, publicMean: [0, 0] }], ['head.publicMean', { ...head, publicMean: [0, 0, 2] }], ['head.publicMean', { ...head, publicMean: ['0', 0, 0] }],
      ['head.publicMean', { ...head, publicMean: [0, 0, null] }], ['head.publicMean', { ...head, publicMean: undefined }], ['head.featureWeights', { ...head, featureWeights: [0.5] }], ['head.featureWeights', { ...head, featureLayers: [], featureWeights: [] }],
      ['head.featureWeights', { ...head, featureLayers: [6, 3] }], ['head.featureLayers', { ...head, featureLayers: [0] }], ['head.maximumLength', { ...head, maximumLength: 513 }], ['head.biasInput', { ...head, biasInput: 0 }],
    ];
    for (const [field, wrong] of wrongHeads) await expect(readTask(sha256, fileOf({ head: wrong })), JSON.stringify(wrong)).rejects.toMatchObject({ code: 'federation/task', values: { field } });
  });

  it('may map features by a map that every device works out, and is refused where it comes to another', async () => {
    const directions = Int8Array.of(127, -3, 0);
    const hash = bytesToHex(await sha256(new Uint8Array(orthonormalMap({ dimension: 1, seed: 9, directions }, 3).buffer)));
    const projection = { dimension: 1, seed: 9, directions: bytesToBase64(new Uint8Array(directions.buffer)), sha256: hash };
    // The task of this file has two labels.
    const read = (change: object = {}, coordinates = 4) => readTask(sha256, fileOf({ coordinates, head: { ...head, projection: { ...projection, ...change } } }));
    expect((await read()).task.head?.projection).toEqual({ dimension: 1, seed: 9, directions, sha256: hash });
    const wrong: readonly (readonly [string, object, number?])[] = [
      ['coordinates', {}, 8], ['head.projection.dimension', { dimension: 0 }], ['head.projection.dimension', { dimension: 4 }, 10], ['head.projection.dimension', { dimension: 1.5 }],
      ['head.projection.seed', { seed: -1 }], ['head.projection.seed', { seed: 2 ** 32 }], ['head.projection.seed', { seed: '9' }],
      ['head.projection.directions', { directions: 'AAA=' }], ['head.projection.directions', { directions: '***' }], ['head.projection.directions', { directions: undefined }],
      ['head.projection.sha256', { seed: 9, directions: '' }], ['head.projection.sha256', { sha256: hash.replace(/^./, hash.startsWith('0') ? '1' : '0') }], ['head.projection.sha256', { sha256: undefined }],
    ];
    for (const [field, change, coordinates] of wrong) await expect(read(change, coordinates), JSON.stringify(change)).rejects.toMatchObject({ code: 'federation/task', values: { field } });
    // More numbers than may be worked out for a stranger.
    const long = { ...head, publicMean: new Array<number>(5000).fill(0), projection: { ...projection, dimension: 41, directions: '' } };
    await expect(readTask(sha256, fileOf({ coordinates: 84, head: long }))).rejects.toMatchObject({ code: 'federation/task', values: { field: 'head.projection.dimension' } });
  });

  const releaseKey = `MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE${'Ab+/'.repeat(32)}`;
  const terms = { sample: { persons: 40, notes: 110, alpha: 0.3 }, releaseKey, centralNoise: { noiseMultiplier: 2, cohort: 50 } };

  it('may deal out notes, name who signs, and have the server add noise; is refused by name where that cannot be', async () => {
    expect((await readTask(sha256, fileOf(terms))).task).toEqual({ ...task, ...terms });
    expect((await readTask(sha256, fileOf({ sample: { ...terms.sample, alpha: null } }))).task.sample?.alpha).toBeNull();
    const wrong: readonly (readonly [string, object])[] = [
      ['sample', { sample: [] }], ['sample.persons', { sample: { ...terms.sample, persons: 0 } }], ['sample.notes', { sample: { ...terms.sample, notes: 39 } }], ['sample.notes', { sample: { ...terms.sample, notes: 241 } }], ['sample.alpha', { sample: { persons: 40, notes: 110 } }], ['sample.alpha', { sample: { ...terms.sample, alpha: 0 } }],
      ['releaseKey', { releaseKey: '' }], ['releaseKey', { releaseKey: releaseKey.slice(1) }], ['releaseKey', { releaseKey: `A${releaseKey.slice(1)}` }], ['releaseKey', { releaseKey: `${releaseKey.slice(0, -1)}=` }],
      ['centralNoise', { centralNoise: null }], ['centralNoise.noiseMultiplier', { centralNoise: { noiseMultiplier: 0, cohort: 5 } }], ['centralNoise.cohort', { centralNoise: { noiseMultiplier: 1, cohort: 1 } }], ['centralNoise.cohort', { centralNoise: { noiseMultiplier: 1 } }],
    ];
    for (const [field, change] of wrong) await expect(readTask(sha256, fileOf(change)), JSON.stringify(change)).rejects.toMatchObject({ code: 'federation/task', values: { field } });
  });

  it('that is no JSON is refused', async () => {
    await expect(readTask(sha256, utf8ToBytes('hello'))).rejects.toMatchObject({ code: 'federation/malformed' });
  });

  it('says how many bytes an update has', () => {
    expect(updateBytes(task)).toBe(128 + 4 * 8);
    expect(updateBytes({ ...task, coordinates: 4096 })).toBe(128 + 4 * 4096);
  });
});

describe('the numbers before joining', () => {
  it('are computed: epsilon of one round and of all, each one Gaussian', () => {
    const { epsilonPerRound, epsilonTotal } = agreementFigures(task);
    expect(epsilonPerRound).toBe(gaussianEpsilon(1 / 4, 1e-5));
    // Three Gaussians of mu 1/4 are one of sqrt(3)/4; the sum of squares may differ by rounding.
    expect(epsilonTotal).toBeCloseTo(gaussianEpsilon(Math.sqrt(3) / 4, 1e-5), 12);
    expect(sharedEpsilon(task, [4, 4, 4])).toBeCloseTo(epsilonTotal, 12);
    expect(sharedEpsilon(task, [])).toBe(0);
  });

  it('a limit below one round, or none at all, is refused at once', () => {
    for (const limit of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => agreeTo(task, taskHash, limit)).toThrow(expect.objectContaining({ code: 'federation/task' }));
    expect(() => agreeTo(task, taskHash, 0.5)).toThrow(expect.objectContaining({ code: 'federation/over-budget' }));
    expect(agreeTo(task, taskHash, 1)).toMatchObject({ epsilonLimit: 1 });
  });

  it('the budget counts what was really spent, noise by noise, and never more rounds than agreed', () => {
    const many: Task = { ...task, rounds: 3 };
    const agreement = { task: many, taskHash, epsilonLimit: 10 };
    expect(() => checkBudget(agreement, [4, 4], 4)).not.toThrow();
    expect(() => checkBudget(agreement, [100, 100, 100], 100)).toThrow(expect.objectContaining({ code: 'federation/beyond-agreement' }));
    const tight = { ...agreement, epsilonLimit: sharedEpsilon(many, [4, 8]) };
    expect(() => checkBudget(tight, [4], 8)).not.toThrow();
    expect(() => checkBudget(tight, [4], 7.9)).toThrow(expect.objectContaining({ code: 'federation/over-budget' }));
  });
});

describe('an update that is sent', () => {
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

  it('is never longer than the bound in float64, whatever float32 did, and keeps its direction', () => {
    fc.assert(fc.property(fc.array(fc.double({ noNaN: true, min: -1e30, max: 1e30 }), { minLength: 1, maxLength: 50 }), fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (update, bound) => {
      const fitted = fitUpdate(update, update.length, bound);
      expect(norm(fitted)).toBeLessThanOrEqual(bound);
      const largest = Math.max(...update.map(Math.abs));
      // Signs stay, where float32 can hold the number at all (its smallest is 1.4e-45).
      update.forEach((value, i) => { if (Math.abs(value) > largest * 1e-6 && largest > 1e-30) expect(Math.sign(fitted[i]!)).toBe(Math.sign(value)); });
    }));
  });

  it('within the bound is the same, rounded to float32', () => {
    expect(fitUpdate([0.1, -0.2, 0], 3, 1)).toEqual(Float32Array.of(0.1, -0.2, 0));
    expect(fitUpdate([0, 0], 2, 1)).toEqual(Float32Array.of(0, 0));
  });

  it('may be of numbers whose squares overflow', () => {
    expect(norm(fitUpdate([1e200, 1e200], 2, 2))).toBeCloseTo(2, 5);
  });
});

describe('waiting', () => {
  it('doubles from a second to five minutes, half of it by chance', () => {
    expect([1, 2, 3, 9, 10, 1000].map((attempt) => backoffMs(attempt, () => 1))).toEqual([1000, 2000, 4000, 256_000, 300_000, 300_000]);
    expect(backoffMs(1, () => 0)).toBe(500);
  });
});

describe('the list of rounds', () => {
  const entry = (messageId: string, spentNoiseMultiplier: number | null): RoundEntry => ({ taskHash, messageId, round: null, modelId: null, atMs: 0, outcome: 'declined', spentNoiseMultiplier, reason: 'x', replyId: null, clamps: [] });

  it('forgets the oldest refusals, however many a server provokes, and nothing that was paid for', () => {
    let rounds: readonly RoundEntry[] = [];
    for (let n = 0; n < 1000; n++) rounds = withRound(rounds, entry(`${n}`, n % 100 === 0 ? 4 : null));
    expect(rounds.filter(({ spentNoiseMultiplier }) => spentNoiseMultiplier !== null)).toHaveLength(10);
    expect(rounds).toHaveLength(210);
    expect(rounds.at(-1)!.messageId).toBe('999');
  });

  it('has one entry a message', () => {
    expect(withRound([entry('a', null), entry('b', null)], entry('a', 4)).map(({ messageId, spentNoiseMultiplier }) => [messageId, spentNoiseMultiplier])).toEqual([['a', 4], ['b', null]]);
  });
});
