import { describe, expect, it } from 'vitest';
import { errorToPlain } from '../ground/errors.ts';
import { composedEpsilon } from '../privacy/composition.ts';
import { faults, secretText, writeFaults, type Fault } from './testing/fault-points.ts';
import { LateScoreWorld, type ClickEnd } from './testing/late-score-world.ts';

const untouched = await LateScoreWorld.open();
const whole = await untouched.click();
const places = [...whole.points.entries()];
const writes = places.filter(([, { isWrite }]) => isWrite);

/** Charged at least what was released, at every moment, by a chain that is sound; and a score that is kept counts every charge for it, of lost ones too. */
async function expectLedgerCovers(world: LateScoreWorld): Promise<void> {
  expect((await world.ledger()).isChainIntact).toBe(true);
  for (const [index, { chargedBefore }] of world.draws.entries()) expect(chargedBefore).toBeGreaterThan(index);
  expect(new Set(world.draws.map(({ bytes }) => bytes)).size).toBe(world.draws.length);
  expect(world.charges().length).toBeLessThanOrEqual(world.clicks);
  for (const { cohortId } of world.charges()) expect(cohortId).toMatch(/\/held-out$/);
  const { releasedAccuracy, statement } = world.results;
  if (!releasedAccuracy || !statement.isPrivate) return;
  expect(world.draws.length).toBeGreaterThan(0);
  const { epsilon } = composedEpsilon(world.charges().map(({ mechanism }) => ({ mechanism, count: 1 })), statement.delta);
  expect(statement.validation?.epsilon).toBe(releasedAccuracy.epsilon);
  // Never less; the sampler's error of single numbers, which is in its delta, weighs some last digits.
  expect(releasedAccuracy.epsilon).toBeGreaterThanOrEqual(epsilon);
  expect(releasedAccuracy.epsilon).toBeCloseTo(epsilon, 12);
}

function expectNothingOfNotes(end: ClickEnd): void {
  if (end.kind !== 'failed') return;
  const { message, hint, values } = errorToPlain(end.error);
  expect(JSON.stringify([message, hint, values])).not.toContain(secretText);
  expect(message.length).toBeGreaterThan(10);
}

/** Clicked again, it comes to its score; and never to a second one. */
async function expectScored(world: LateScoreWorld, end: ClickEnd): Promise<void> {
  await expectLedgerCovers(world);
  expectNothingOfNotes(end);
  if (world.results.releasedAccuracy === null) {
    const again = await world.click();
    if (again.end.kind === 'failed') throw again.end.error;
    await expectLedgerCovers(world);
  }
  expect(world.results.releasedAccuracy).not.toBeNull();
  const charged = world.charges().length;
  expect((await world.click()).end).toMatchObject({ kind: 'failed', error: { code: 'training/has-score' } });
  expect(world.charges()).toHaveLength(charged);
}

describe(`a score that is charged after its run, which passes ${places.length} points, ${writes.length} of them writes`, () => {
  it('is charged once where nothing goes wrong', async () => {
    expect(whole.end.kind).toBe('scored');
    expect([untouched.charges().length, untouched.draws.length]).toEqual([1, 1]);
    await expectScored(untouched, whole.end);
    expect(places.map(([, { name }]) => name)).toEqual(expect.arrayContaining(['model asked', 'ledger opened', 'ledger read', 'ledger written (run)', 'ledger written (charge)', 'key made', 'key stream', 'results kept']));
    // The charge is durable before the noise is asked for.
    const at = (name: string) => places.findIndex(([, point]) => point.name === name);
    expect(at('ledger written (charge)')).toBeLessThan(at('key stream'));
  });

  const tried: readonly (readonly [Fault, typeof places])[] = [...faults.map((fault) => [fault, places] as const), ...writeFaults.map((fault) => [fault, writes] as const), ['another tab charges', places]];
  it.each(tried)('is never released uncharged, at any point: %s', async (fault, points) => {
    for (const [index, { name }] of points) {
      const world = await LateScoreWorld.open();
      const { end } = await world.click(new Map([[index, fault]]));
      if (fault === 'another tab charges') expect(end.kind, name).toBe('scored');
      await expectScored(world, end).catch((error: unknown) => {
        throw new Error(`${fault} at point ${index}, ${name}`, { cause: error });
      });
    }
  });

  it(`is never released uncharged where a second click is cut off as well: tried ${places.length * faults.length} times`, async () => {
    for (const [first] of places) {
      for (const [turn, fault] of faults.entries()) {
        const world = await LateScoreWorld.open();
        await world.click(new Map([[first, 'dies after']]));
        const { end } = await world.click(new Map([[(first * 7 + turn * 3) % places.length, fault]]));
        await expectScored(world, end);
      }
    }
  });
});
