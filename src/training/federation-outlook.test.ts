import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gaussianMu } from '../privacy/gaussian.ts';
import { participantSignal } from './federated-rate.ts';
import { federationOutlook } from './federation-outlook.ts';

const delta = 1e-5;
const classesOf = { mts: 20, banking: 77 };

interface Cell {
  readonly set: keyof typeof classesOf;
  readonly split: string;
  readonly clients: number;
  readonly epsilon: number | null;
}
interface Table {
  readonly pooled: readonly (Cell & { readonly accuracy: number; readonly units: number; readonly participants: number; readonly rounds: number; readonly sentences: { readonly accuracy: number } })[];
  readonly alone: readonly (Cell & { readonly mean: { readonly accuracy: number } })[];
}

/** What the bench measured where all have notes of the same kinds: mean over seeds, and points over the better of a model of one's own and the label sentences. */
function measuredCells() {
  const table: Table = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'bench', 'results', 'federation.json'), 'utf8'));
  return table.alone.flatMap((alone) => {
    const runs = table.pooled.filter((one) => one.set === alone.set && one.split === alone.split && one.clients === alone.clients && one.epsilon === alone.epsilon);
    const [first] = runs;
    if (first === undefined || alone.split !== 'iid') return [];
    const accuracy = runs.reduce((sum, one) => sum + one.accuracy, 0) / runs.length;
    const facts = { participants: first.participants, unitsEach: first.units, classes: classesOf[alone.set], epsilon: alone.epsilon ?? Infinity, rounds: first.rounds, delta };
    return [{ facts, gain: accuracy - Math.max(alone.mean.accuracy, first.sentences.accuracy) }];
  });
}

describe('the outlook of a federation', () => {
  it('where the participant is the unit counts participants, not what each has', () => {
    const facts = { participants: 200, unitsEach: 6, classes: 20, epsilon: 8, rounds: 10, delta };
    const outlook = federationOutlook({ ...facts, unit: 'participant' });
    expect(outlook.signal).toBeCloseTo(participantSignal(200, gaussianMu(8, delta), 20), 12);
    expect(federationOutlook({ ...facts, unit: 'participant', unitsEach: 2 }).signal).toBe(outlook.signal);
    expect(outlook.signalAlone).toBe(federationOutlook(facts).signalAlone);
    expect(['does-not-help', 'little', 'helps']).toEqual([20, 200, 1000].map((participants) => federationOutlook({ ...facts, unit: 'participant', participants }).verdict));
  });

  it('says that pooling helps only where it was measured to gain three points and more', () => {
    const helping = measuredCells().filter(({ facts }) => federationOutlook(facts).verdict === 'helps');
    expect(helping.length).toBeGreaterThanOrEqual(6);
    for (const { facts, gain } of helping) expect(gain, JSON.stringify(facts)).toBeGreaterThan(0.03);
  });

  it('says that it does not help where nothing measured so little signal', () => {
    for (const { facts } of measuredCells()) expect(federationOutlook(facts).verdict, JSON.stringify(facts)).not.toBe('does-not-help');
    expect(federationOutlook({ participants: 50, unitsEach: 2, classes: 20, epsilon: 1, rounds: 10, delta })).toMatchObject({ verdict: 'does-not-help' });
  });

  it('counts the noise of all: four times the participants, twice the signal', () => {
    const facts = { participants: 9, unitsEach: 24, classes: 20, epsilon: 8, rounds: 10, delta };
    const one = federationOutlook(facts);
    expect(one.signal).toBeCloseTo(3 * one.signalAlone, 12);
    expect(federationOutlook({ ...facts, participants: 36 }).signal).toBeCloseTo(2 * one.signal, 12);
    expect(one.verdict).toBe('helps');
  });

  it('expects little of too few rounds, and nothing where a model of one\'s own gets further', () => {
    const facts = { participants: 50, unitsEach: 12, classes: 20, epsilon: 8, delta };
    expect([10, 3].map((rounds) => federationOutlook({ ...facts, rounds }).verdict)).toEqual(['helps', 'little']);
    expect(federationOutlook({ ...facts, unitsEach: 60, rounds: 3 }).verdict).toBe('does-not-help');
  });

  it('is nothing for one alone, and reads the absence of noise', () => {
    const facts = { participants: 1, unitsEach: 1000, classes: 20, epsilon: 8, rounds: 10, delta };
    expect(federationOutlook(facts).verdict).toBe('does-not-help');
    expect(federationOutlook({ ...facts, participants: 10, epsilon: Infinity })).toMatchObject({ signal: Infinity, signalAlone: Infinity, verdict: 'little' });
  });
});
