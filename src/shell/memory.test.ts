import { describe, expect, it } from 'vitest';
import { fullBatchHeadPlan, planOfKind, twoFeatureLayers, type PlanFacts } from '../training/propose.ts';
import { engineBytes } from './engine-bytes.ts';
import { availableBytes, deviceGigabytes } from './device-memory.ts';
import { memoryForecast, planTooLarge, type MemoryLoad } from './memory.ts';

const shape = { layers: 6, width: 384, heads: 12, feedForwardWidth: 1536, vocabularySize: 30522, maximumPositions: 512, tokenTypes: 2, layerNormEpsilon: 1e-12 };
const facts: PlanFacts = { trainingUnits: 80_000, trainingRows: 80_000, heldOutUnits: 20_000, heldOutRows: 20_000, classes: 8, unit: 'row', encoderLayers: 6, maximumLength: 128, heldOutShare: 0.2, seed: 1, epsilon: 3, delta: 1e-6 };
const load: MemoryLoad = { trainingRows: 80_000, heldOutRows: 20_000, meanTokens: 30, classes: 8, largestUnitRows: 1, shape, encoderBytes: 23e6, engineBytes: 35e6, trainers: 2 };
const gigabyte = 2 ** 30;
const twoLayers = { ...fullBatchHeadPlan(facts), ...twoFeatureLayers(facts.encoderLayers) };

describe('the memory of a plan', () => {
  it('holds the features of 80,000 notes twice and those of 20,000 once, each as many numbers as the layers have', () => {
    const { neededBytes, largest, fits } = memoryForecast(twoLayers, load, 4 * gigabyte);
    const features = 180_000 * 769 * 4;
    // Beside them the notes themselves, some 1.5 KB each, and the encoders.
    expect(neededBytes).toBeGreaterThan(features);
    expect(neededBytes).toBeLessThan(features + 100_000 * 2000 + 2 * (23e6 + 35e6));
    expect(largest).toBe('features');
    expect(fits).toBe(true);
    // One layer, half the numbers; the trainers' sums and engines stay.
    expect(neededBytes - memoryForecast(fullBatchHeadPlan(facts), load, 4 * gigabyte).neededBytes).toBeCloseTo(180_000 * 384 * 4, -6);
  });

  it('does not fit a million notes into what a phone lends', () => {
    const large = { ...load, trainingRows: 800_000, heldOutRows: 200_000 };
    const forecast = memoryForecast(fullBatchHeadPlan(facts), large, 2 * gigabyte);
    expect(forecast.fits).toBe(false);
    expect(planTooLarge(forecast)).toMatchObject({ code: 'training/too-large', values: { available: 2, largest: 'features' } });
    expect(planTooLarge(forecast).message).toMatch(/^This plan needs about \d+(\.\d)? GB of memory, and about 2 GB can be counted on here\.$/);
  });

  it('holds the gradients of a person together: one with many notes is what counts', () => {
    const plan = planOfKind('dp-sgd', { ...facts, unit: 'person' });
    const few = memoryForecast(plan, { ...load, largestUnitRows: 10 }, 4 * gigabyte);
    const many = memoryForecast(plan, { ...load, largestUnitRows: 20_000 }, 4 * gigabyte);
    expect(few.fits).toBe(true);
    expect(many).toMatchObject({ fits: false, largest: 'gradients' });
    // Where rows are protected, it makes no difference whose they are.
    expect(memoryForecast(planOfKind('dp-sgd', facts), { ...load, largestUnitRows: 20_000 }, 4 * gigabyte)).toEqual(memoryForecast(planOfKind('dp-sgd', facts), load, 4 * gigabyte));
  });

  it('counts what an engine plans for its own steps: weights, activations of 256 tokens, gradients of 32 rows', async () => {
    const [head, adapters] = [await engineBytes(fullBatchHeadPlan(facts), load, 'wasm'), await engineBytes(planOfKind('dp-sgd', facts), load, 'wasm')];
    const onGraphics = await engineBytes(planOfKind('dp-sgd', facts), load, 'webgpu');
    const matrices = 22.6e6;
    expect(head).toBeGreaterThan(matrices);
    expect(head).toBeLessThan(matrices + 10e6);
    // Six layers keep 4.3 MB each for the way back.
    expect(adapters).toBeGreaterThan(head + 20e6);
    expect(adapters).toBeLessThan(2.9 * matrices);
    // A graphics chip takes 1,024 tokens at a time: another 77 MB of what layers keep.
    expect(onGraphics).toBeGreaterThan(adapters + 77e6);
  });

  it('reads no training row for label sentences', () => {
    const plan = planOfKind('label-sentences', facts);
    expect(memoryForecast(plan, load, gigabyte).neededBytes).toBeLessThan(memoryForecast(twoLayers, load, gigabyte).neededBytes / 2);
  });

  it('counts on half of what the device says, and on 2 GB where it says nothing', () => {
    expect(availableBytes(8)).toBe(4 * gigabyte);
    expect(availableBytes(undefined)).toBe(2 * gigabyte);
    expect(deviceGigabytes({ deviceMemory: 4 })).toBe(4);
    expect(deviceGigabytes({})).toBeUndefined();
  });
});
