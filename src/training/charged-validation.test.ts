import { describe, expect, it } from 'vitest';
import { gaussianMu } from '../privacy/gaussian.ts';
import { testStream } from '../privacy/testing/streams.ts';
import { releaseAccuracy, rightShares, unitShare } from './charged-validation.ts';
import { nanoPlans, nanoSession, nanoUnits, RecordingLedger } from './testing/nano-session.ts';
import { runSession } from './session.ts';

const budget = { epsilon: 1, delta: 1e-5 };
/** Logits that are right for the first `right` rows. */
function logitsOf(units: ReturnType<typeof nanoUnits>, right: number): Float32Array {
  const labels = units.flatMap(({ rows }) => rows.map(({ label }) => label));
  const logits = new Float32Array(labels.length * 3);
  labels.forEach((label, row) => (logits[row * 3 + (row < right ? label : (label + 1) % 3)] = 1));
  return logits;
}

describe('charged validation', () => {
  it('is the accuracy plus N(0, 1 / mu^2) over the public number of units', async () => {
    const units = nanoUnits(240, 3, 1);
    const logits = logitsOf(units, 180);
    const values = [];
    for (let seed = 0; seed < 400; seed++) values.push((await releaseAccuracy(logits, units, 3, budget, { charges: new RecordingLedger(), keys: testStream(seed) }, 50))!.value.value);
    const mean = values.reduce((sum, value) => sum + value, 0) / 400;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 399);
    const expected = 1 / gaussianMu(1, 1e-5) / 240;
    // 1.6 points at epsilon 1 over 240 rows, as planned. Four standard errors of a mean and of a deviation over 400 draws: 0.2 and 0.14 of it.
    expect(expected).toBeCloseTo(0.0155, 3);
    expect(Math.abs(mean - 0.75)).toBeLessThan(0.2 * expected);
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.15);
  });

  it('lets a person count once, however many notes they have', async () => {
    // Two persons of 1 and 9 notes, one of them all right: half, not a tenth or nine tenths.
    const one = nanoUnits(1, 3, 1, 1)[0]!;
    const nine = { ...nanoUnits(1, 3, 2, 9)[0]!, unit: 1 };
    const loose = { epsilon: 1e6, delta: 1e-5 };
    const released = await releaseAccuracy(logitsOf([one, nine], 1), [one, nine], 3, loose, { charges: new RecordingLedger(), keys: testStream(1) }, 1);
    // Noise of standard deviation 1 / (mu 2) with mu = 1,410: four of them.
    expect(Math.abs(released!.value.value - 0.5)).toBeLessThan(0.0015);
    const other = await releaseAccuracy(logitsOf([nine, one], 9), [nine, one], 3, loose, { charges: new RecordingLedger(), keys: testStream(1) }, 1);
    expect(Math.abs(other!.value.value - 0.5)).toBeLessThan(0.0015);
  });

  it('has a say of one share for each unit, whatever it holds: leaving one out moves the sum by that at most, by all of it where all its notes are right', () => {
    const units = [1, 3, 9, 2].map((rows, unit) => ({ ...nanoUnits(1, 3, unit + 1, rows)[0]!, unit }));
    const rows = units.reduce((sum, unit) => sum + unit.rows.length, 0);
    for (let right = 0; right <= rows; right++) {
      const logits = logitsOf(units, right);
      const sum = rightShares(logits, units, 3);
      let first = 0;
      for (const [place, unit] of units.entries()) {
        const last = first + unit.rows.length;
        const rest = Float32Array.from([...logits.subarray(0, 3 * first), ...logits.subarray(3 * last)]);
        const moved = sum - rightShares(rest, units.filter((_, other) => other !== place), 3);
        expect(Number.isSafeInteger(moved)).toBe(true);
        expect(moved).toBe(Math.floor((unitShare * Math.max(0, Math.min(right, last) - first)) / unit.rows.length));
        expect(moved).toBeLessThanOrEqual(unitShare);
        first = last;
      }
    }
  });

  it('charges the held-out part, once, before the noise, and shows an interval wider than sampling alone', async () => {
    const units = nanoUnits(100, 3, 1);
    const ledger = new RecordingLedger();
    let charged = -1;
    const stream = testStream(1);
    const keys = { bytes: (step: number, tensor: number, count: number) => { charged = ledger.charges.length; return stream.bytes(step, tensor, count); } };
    const released = await releaseAccuracy(logitsOf(units, 50), units, 3, budget, { charges: ledger, keys }, 7);
    expect(charged).toBe(1);
    expect(ledger.charges).toMatchObject([{ part: 'held-out', step: 7, purpose: 'charged-validation', mechanism: { kind: 'gaussian' } }]);
    const { low, high } = released!.value;
    expect(high - low).toBeGreaterThan(2 * 1.96 * Math.sqrt(0.25 / 100));
  });

  it('is left out, and the run is not, where the held-out budget is gone', async () => {
    const { input, ledger } = nanoSession(nanoPlans.fullBatch(48));
    const charges = { charge: (...args: Parameters<typeof ledger.charge>) => (args[0] === 'held-out' ? new RecordingLedger(0).charge('training', args[1], args[2], args[3]) : ledger.charge(...args)) };
    expect(await runSession({ ...input, charges })).toMatchObject({ state: 'finished', releasedAccuracy: null });
  });
});
