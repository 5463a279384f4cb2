import { describe, expect, it } from 'vitest';
import { composedEpsilon } from '../privacy/composition.ts';
import { discreteGaussianEpsilon } from '../privacy/discrete-gaussian.ts';
import { gaussianMu } from '../privacy/gaussian.ts';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { recipeBudget } from './full-batch-head.ts';
import { heldOutCharges, plannedCharges } from './planned-charges.ts';
import { runSession } from './session.ts';
import { statementAtEnd, statementOf } from './statement.ts';
import { nanoClasses, nanoPlans, nanoSession, nanoUnits, type RecordedCharge } from './testing/nano-session.ts';

const plan = nanoPlans.fullBatch(48, { steps: 3, noiseLaw: 'discrete-gaussian' });
const facts = { unit: 'row', trainingUnits: 48, classes: nanoClasses } as const;
const of = (charges: readonly RecordedCharge[], part: RecordedCharge['part']) => charges.filter((charge) => charge.part === part).map(({ mechanism }) => ({ mechanism, count: 1 }));

describe('a full-batch run under the discrete Gaussian', () => {
  it('charges every release as one, and comes to the epsilon of its plan by concentrated DP', async () => {
    const { input, ledger } = nanoSession(plan);
    const outcome = await runSession(input);
    expect(ledger.charges.map(({ mechanism: { kind } }) => kind)).toEqual(new Array(5).fill('discrete-gaussian'));
    const { epsilon, accountant } = composedEpsilon(of(ledger.charges, 'training'), plan.delta);
    expect(accountant).toBe('zcdp');
    expect(epsilon).toBeLessThanOrEqual(3);
    expect(epsilon).toBeGreaterThan(3 * (1 - 1e-6));
    const statement = statementAtEnd(plan, facts, outcome, { training: of(ledger.charges, 'training'), heldOut: of(ledger.charges, 'held-out') });
    // Exact to its law: the sampler adds nothing to delta.
    expect(statement).toMatchObject({ accountant: 'zcdp', noiseLaw: 'discrete-gaussian', samplerDelta: 0, epsilon });
    const before = statementOf(plan, facts);
    expect(before).toMatchObject({ accountant: 'zcdp', noiseLaw: 'discrete-gaussian', mu: null, samplerDelta: 0 });
    // Noise that is drawn exactly has no rounding to leave out; rounded noise of a model yet unmade has.
    expect(before.isPrivate && before.notCovered).not.toContain('sampler-error');
    const rounded = statementOf(nanoPlans.fullBatch(48, { steps: 3 }), facts);
    expect(rounded.isPrivate && rounded.notCovered).toContain('sampler-error');
  });

  it('is no other law: a plan that names one is refused before anything is read, charged or forecast', async () => {
    // As it may come from a file or a page: of no type.
    const other = JSON.parse(JSON.stringify({ ...plan, noiseLaw: 'laplace' })) as typeof plan;
    const named = expect.objectContaining({ code: 'privacy/noise-law', values: { found: 'laplace' } }) as Error;
    const { input, ledger } = nanoSession(other);
    await expect(runSession(input)).rejects.toEqual(named);
    expect(ledger.charges).toEqual([]);
    expect(() => plannedCharges(other, 48, nanoClasses)).toThrow(named);
    expect(() => heldOutCharges(other)).toThrow(named);
    expect(() => statementOf(other, facts)).toThrow(named);
  });

  it('takes as much more noise as concentrated DP says: 0.55, 1.09, 3.25 and 8.60 for the noise of 0.5, 1, 3 and 8', () => {
    for (const [exact, concentrated] of [[0.5, 0.55], [1, 1.09], [3, 3.25], [8, 8.6]] as const) {
      const { mu } = recipeBudget({ ...plan, epsilon: discreteGaussianEpsilon(gaussianMu(exact, 1e-5), 1e-5) }, 48, nanoClasses);
      expect(mu / gaussianMu(exact, 1e-5)).toBeCloseTo(1, 6);
      expect(Math.abs(discreteGaussianEpsilon(gaussianMu(exact, 1e-5), 1e-5) - concentrated)).toBeLessThan(0.005);
    }
  });

  it('draws its noise from that law: other words of the stream, and another model, than the rounded one', async () => {
    const models = await Promise.all((['discrete-gaussian', 'rounded-gaussian'] as const).map(async (noiseLaw) => {
      const keys = watchedStream(testStream(1));
      const { model } = await runSession({ ...nanoSession({ ...plan, noiseLaw }).input, keys });
      return { model, bytes: keys.calls.reduce((sum, [, , count]) => sum + count, 0) };
    }));
    expect(models[0]!.model).not.toEqual(models[1]!.model);
    // 64 words a value and 4,096 more, in place of 3.
    expect(models[0]!.bytes).toBeGreaterThan(10 * models[1]!.bytes);
  });

  it('keeps Rule G: permuted rows, and one trainer or three, give equal integers and so equal models', async () => {
    const rows = nanoUnits(48, nanoClasses, 1);
    const permuted = rows.map((_, i) => ({ ...rows[(i * 7) % 48]!, unit: i }));
    const [model, ...others] = await Promise.all([{}, { training: permuted }, { trainerCount: 3 }].map(async (changes) => (await runSession(nanoSession(plan, changes).input)).model));
    for (const other of others) expect(other).toEqual(model);
  });

  it('goes on after its last step, under the same law, charged for what is made again', async () => {
    const whole = nanoSession(plan);
    await runSession(whole.input);
    const checkpoint = whole.checkpoints.saved.find(({ step }) => step === 1)!;
    const resumed = nanoSession(plan, { resumeFrom: checkpoint, keys: testStream(2) });
    await runSession(resumed.input);
    expect(resumed.ledger.charges.map(({ step, purpose, mechanism: { kind } }) => `${step} ${purpose} ${kind}`)).toEqual(['2 gradient discrete-gaussian', '3 gradient discrete-gaussian', '3 charged-validation discrete-gaussian']);
  });

  it('is charged with what is beside it: with rounded Gaussians by concentrated DP, with samples by RDP, never below either alone', () => {
    const discrete = plannedCharges(plan, 48, nanoClasses);
    const rounded = plannedCharges({ ...plan, noiseLaw: 'rounded-gaussian' }, 48, nanoClasses);
    const sampled = [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.01 }, count: 100 } as const];
    for (const [others, accountant] of [[rounded, 'zcdp'], [sampled, 'rdp']] as const) {
      const both = composedEpsilon([...discrete, ...others], 1e-5);
      expect(both.accountant).toBe(accountant);
      expect(both.epsilon).toBeGreaterThan(Math.max(composedEpsilon(discrete, 1e-5).epsilon, composedEpsilon(others, 1e-5).epsilon));
    }
  });
});
