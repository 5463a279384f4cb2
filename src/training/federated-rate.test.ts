import { describe, expect, it } from 'vitest';
import { federatedServerRate, honestNormBound, participantSignal, pooledSignal, type RatedTask } from './federated-rate.ts';
import { planOfKind } from './propose.ts';

const labels = ['a', 'b', 'c', 'd'];
const shape = { labels, coordinates: labels.length * 385, rounds: 10, clipNorm: 0.3, noiseMultiplier: 4 };
const taskOf = (units: number, change: Partial<RatedTask> = {}): RatedTask => ({ ...shape, updateNormBound: honestNormBound({ ...shape, ...change }, units), ...change });

describe('the server rate', () => {
  it('is recipe R\'s step on the sum of all gradients, for the noise of all participants', () => {
    const participants = 9;
    const units = 20;
    // One trainer with all units whose noise is that of nine devices: mu' = mu / 3.
    const mu = Math.sqrt(shape.rounds) / shape.noiseMultiplier;
    const facts = { trainingUnits: 180, trainingRows: 180, heldOutUnits: 0, heldOutRows: 0, classes: labels.length, unit: 'row', encoderLayers: 6, maximumLength: 128, heldOutShare: 0, seed: 0, epsilon: 3, delta: 1e-5 } as const;
    const { maximumNu } = planOfKind('full-batch-head', facts);
    const signal = (participants * units * (mu / 3)) / labels.length;
    const nu = Math.min(maximumNu, 0.35 * Math.sqrt(signal));
    const step = (nu * (mu / 3)) / (shape.clipNorm * shape.rounds);
    expect(pooledSignal(participants, units, mu, labels.length)).toBeCloseTo(signal, 12);
    // The step is on the sum, the rate on the mean of means. Solving the bound for the noise loses some digits.
    expect(federatedServerRate(taskOf(units), participants) / (step * participants * units)).toBeCloseTo(1, 9);
  });

  it('leaves nu in a logit at most, whatever participants bring: longer updates are cut to the bound', () => {
    const task = taskOf(20);
    const rate = federatedServerRate(task, 9);
    // Noise alone, cut to the bound: its deviation in a logit of a unit feature, over all rounds and participants.
    const deviation = (rate * (task.updateNormBound / Math.sqrt(task.coordinates)) * Math.sqrt(task.rounds)) / 3;
    const nu = 0.35 * Math.sqrt(pooledSignal(9, 20, Math.sqrt(10) / 4, 4));
    // The bound leaves six deviations and the signal beside the noise: 6 / sqrt(1540) and a little.
    expect(deviation / nu).toBeGreaterThan(1);
    expect(deviation / nu).toBeLessThan(1.2);
  });

  it('stops growing where few rounds would overshoot, and without noise', () => {
    const largest = (5 * labels.length) / shape.clipNorm;
    expect(federatedServerRate(taskOf(100_000), 50)).toBe(largest);
    expect(federatedServerRate({ ...shape, noiseMultiplier: 1e-300, updateNormBound: shape.clipNorm }, 50)).toBe(largest);
    expect(federatedServerRate(taskOf(20), 50)).toBeLessThan(largest);
  });

  it('for participants as units is for one step each towards all classes, against noise for two clip norms', () => {
    const many = { ...shape, noiseMultiplier: 30, unit: 'participant' as const };
    const task = taskOf(1, many);
    // Twice the clip norm in every coordinate, divided by nothing.
    const deviation = 2 * 0.3 * 30;
    expect(task.updateNormBound).toBeCloseTo(Math.hypot(0.3, deviation * Math.sqrt(many.coordinates)) + 6 * deviation, 6);
    const signal = participantSignal(400, Math.sqrt(10) / 30, 4);
    expect(signal).toBeCloseTo((20 * (Math.sqrt(10) / 30)) / (2 * 2), 12);
    const nu = 0.5 * Math.sqrt(signal);
    expect(federatedServerRate(task, 400) / (nu / (Math.sqrt(10) * (deviation / 20)))).toBeCloseTo(1, 6);
    expect(federatedServerRate({ ...task, noiseMultiplier: 1e-300, updateNormBound: 0.3 }, 400)).toBeCloseTo((5 * 2) / 0.3, 9);
  });

  it('falls where the server adds noise, and by how much that noise is longer than the participants\'', () => {
    const task = taskOf(20);
    const central = { noiseMultiplier: 1, cohort: 9 };
    const alone = federatedServerRate(task, 9);
    const both = federatedServerRate({ ...task, centralNoise: central }, 9);
    const deviation = (0.3 * 4) / 20 / 3;
    const more = Math.hypot(1, task.updateNormBound / 9 / deviation);
    // nu grows with the root of x, and both fall as the deviation: 3/2 in all.
    expect(alone / both).toBeCloseTo(more ** 1.5, 6);
  });
});
