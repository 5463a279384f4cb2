import { describe, expect, it } from 'vitest';
import { composedEpsilon } from '../privacy/composition.ts';
import { bestKept, isWorse, pooledCharges, pooledHead, pooledStatement } from './received-model.ts';
import { coordinates, head, model, task } from './testing/federated-scene.ts';

/** One logit a row for the class that is said. */
const saying = (classes: readonly number[], count: number) => {
  const logits = new Float32Array(classes.length * count);
  classes.forEach((c, row) => (logits[row * count + c] = 1));
  return logits;
};

describe('the best model so far', () => {
  it('is the best of those kept, the newest of equals, none where none was', () => {
    const scored = (name: string, value: number | null, isKept = true) => ({ name, isKept, accuracy: { value } });
    expect(bestKept([scored('first', 0.9), scored('a little worse', 0.89), scored('not kept', 0.95, false)])?.name).toBe('first');
    expect(bestKept([scored('first', 0.9), scored('as good', 0.9)])?.name).toBe('as good');
    expect(bestKept([scored('unscored', null), scored('later', null)])?.name).toBe('later');
    expect(bestKept([scored('not kept', 0.95, false)])).toBeUndefined();
  });
});

describe('whether a model is worse', () => {
  const actual = new Array<number>(40).fill(0);
  const right = (count: number) => saying(actual.map((_, row) => (row < count ? 0 : 1)), 3);

  it('is decided by the rows that just one of the two has right, beyond two standard errors', () => {
    expect(isWorse(right(36), right(40), actual, 3)).toBe(false);
    expect(isWorse(right(35), right(40), actual, 3)).toBe(true);
    // As many lost as won: 20 each.
    expect(isWorse(right(20), saying(actual.map((_, row) => (row < 20 ? 1 : 0)), 3), actual, 3)).toBe(false);
    // 9 lost and 1 won: 8 over 2 sqrt(10) = 6.3; 8 and 2: 6 is not.
    const swapped = (lost: number) => saying(actual.map((_, row) => (row < lost ? 1 : 0)), 3);
    const against = (lost: number) => saying(actual.map((_, row) => (row < lost || row >= 10 ? 0 : 1)), 3);
    expect(isWorse(swapped(9), against(9), actual, 3)).toBe(true);
    expect(isWorse(swapped(8), against(8), actual, 3)).toBe(false);
  });

  it('keeps the new one of equals, and where there are no rows', () => {
    expect(isWorse(right(10), right(10), actual, 3)).toBe(false);
    expect(isWorse(new Float32Array(0), new Float32Array(0), [], 3)).toBe(false);
  });
});

describe('the statement of a pooled model', () => {
  const pooled = pooledHead(task, head, model);
  it('has the shape of the task, and costs what this device was charged', () => {
    expect(pooled.weights).toHaveLength(coordinates);
    const charges = [{ mechanism: { kind: 'gaussian' as const, noiseMultiplier: 4 }, count: 2 }, { mechanism: { kind: 'gaussian' as const, noiseMultiplier: 6 }, count: 1 }];
    const statement = pooledStatement(task, pooled, charges, 'row');
    if (!statement.isPrivate) throw new Error('expected a private one');
    expect(statement.epsilon).toBeCloseTo(composedEpsilon(charges, task.delta).epsilon, 12);
    expect(statement).toMatchObject({ steps: 3, noiseMultiplier: 4, sampling: 'full-batch', validation: null, accountant: 'exact-gaussian' });
    expect(statement.samplerDelta).toBeLessThan(1e-12);
  });

  it('counts the sampler\'s error of noise that is twice as wide, where the participant is the unit', () => {
    const charges = [{ mechanism: { kind: 'gaussian' as const, noiseMultiplier: 4 }, count: 2 }];
    const [row, participant] = [task, { ...task, unit: 'participant' as const }].map((one) => pooledStatement(one, pooled, charges, 'row'));
    if (!row?.isPrivate || !participant?.isPrivate) throw new Error('expected private ones');
    expect(participant.samplerDelta).toBe(2 * row.samplerDelta!);
  });

  it('costs no less than the rounds that were answered, where the ledger was erased since', () => {
    const rounds = (...noiseMultipliers: number[]) => noiseMultipliers.map((noiseMultiplier) => ({ mechanism: { kind: 'gaussian' as const, noiseMultiplier }, count: 1 }));
    const epsilonOf = (charged: ReturnType<typeof rounds>, answered: readonly number[]) => {
      const statement = pooledStatement(task, pooled, pooledCharges(charged, answered), 'row');
      return statement.isPrivate ? statement.epsilon : Infinity;
    };
    const whole = composedEpsilon(rounds(4, 4, 6), task.delta).epsilon;
    expect(epsilonOf(rounds(4, 4, 6), [4, 4, 6])).toBe(whole);
    expect(epsilonOf([], [4, 4, 6])).toBe(whole);
    expect(epsilonOf(rounds(4), [4, 4, 6])).toBe(whole);
    // A round that was charged, and whose answer was lost.
    expect(epsilonOf(rounds(4, 4, 6), [4, 4])).toBe(whole);
  });

  it('is of epsilon 0 where the device answered no round', () => {
    expect(pooledStatement(task, pooled, [], 'row')).toMatchObject({ isPrivate: true, epsilon: 0, epsilonReplaceOne: 0, steps: 0 });
  });
});
