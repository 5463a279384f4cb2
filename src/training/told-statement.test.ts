import { beforeAll, describe, expect, it } from 'vitest';
import type { Charge } from '../privacy/composition.ts';
import { pldEpsilon } from '../privacy/pld/pld.ts';
import type { PrivacyStatement } from '../privacy/statement.ts';
import type { PrivatePlan } from './plan.ts';
import { runSession } from './session.ts';
import { statementAtEnd } from './statement.ts';
import { nanoClasses, nanoPlans, nanoSession } from './testing/nano-session.ts';
import { federatedPlan } from './federated-task.ts';
import { pooledHead, pooledStatement } from './received-model.ts';
import { head, model, task } from './testing/federated-scene.ts';
import { toldStatement, type ToldRun } from './told-statement.ts';

type Private = Extract<PrivacyStatement, { isPrivate: true }>;
type Told = ToldRun & { readonly statement: Private };
const units = 48;
const facts = { trainingRows: units, trainingUnits: units, heldOutUnits: 12, labels: ['a', 'b', 'c'], isSynthetic: false, codeVersion: '1' };

/** A run that was made here, as it is told elsewhere. */
async function madeRun(plan: PrivatePlan): Promise<Told> {
  const { input, ledger } = nanoSession(plan);
  const outcome = await runSession(input);
  const of = (part: 'training' | 'held-out'): Charge[] => ledger.charges.filter((charge) => charge.part === part).map(({ mechanism }) => ({ mechanism, count: 1 }));
  const charged = { training: of('training'), heldOut: of('held-out') };
  const statement = statementAtEnd(plan, { unit: plan.unit, trainingUnits: units, classes: nanoClasses }, outcome, charged);
  if (!statement.isPrivate) throw new Error('a private run');
  return { number: 3, plan, stepsDone: outcome.stepsDone, facts, statement, scoreEpsilon: statement.validation?.epsilon ?? null, charged, inherited: [], model: outcome.model };
}

const plans = {
  'a private head': nanoPlans.fullBatch(units),
  'a head under the discrete Gaussian': nanoPlans.fullBatch(units, { steps: 3, noiseLaw: 'discrete-gaussian' }),
  'a search': nanoPlans.fullBatch(units, { steps: 2, search: { meanRuns: 2, scoreEpsilon: 2 } }),
  'DP-SGD': nanoPlans.dpSgd(units),
} as const;

describe.each(Object.keys(plans) as (keyof typeof plans)[])('the statement of %s that came with a file', (name) => {
  let made: Told;
  beforeAll(async () => {
    made = await madeRun(plans[name]);
  });
  const changed = (statement: Partial<Record<keyof Private, unknown>>, run: Partial<ToldRun> = {}): ToldRun => ({ ...made, ...run, statement: { ...made.statement, ...statement } as Private });

  it('is the one that was made, where nothing was changed: with its ledger, without, and of a list of releases that is lost', () => {
    expect(toldStatement(made)).toEqual(made.statement);
    expect(toldStatement({ ...made, charged: { training: [], heldOut: [] } })).toEqual(made.statement);
    const { releases: _, ...older } = made.statement;
    expect(toldStatement({ ...made, statement: older })).toMatchObject({ epsilon: made.statement.epsilon, delta: made.statement.delta });
  });

  it('is refused where less is promised than its releases come to, with what was found and what was expected', () => {
    const small = expect.objectContaining({ code: 'project/promise-too-small', family: 'input', values: { run: 3, found: 0.5, expected: expect.closeTo(made.statement.epsilon, 2) as number, delta: made.statement.delta } }) as Error;
    expect(() => toldStatement(changed({ epsilon: 0.5 }))).toThrow(small);
    // Also where the list was changed along, for the ledger tells, and where both were, for the plan does.
    expect(() => toldStatement(changed({ epsilon: 0.5, releases: [] }))).toThrow(small);
    expect(() => toldStatement(changed({ epsilon: 0.5, releases: [] }, { charged: { training: [], heldOut: [] } }))).toThrow(small);
    for (const epsilon of [NaN, undefined, '9', null]) expect(() => toldStatement(changed({ epsilon })), String(epsilon)).toThrow(expect.objectContaining({ code: 'project/promise-unsound' }) as Error);
  });

  it('is refused at a smaller delta for the same epsilon', () => {
    expect(() => toldStatement(changed({ delta: made.statement.delta / 1e4 }))).toThrow(expect.objectContaining({ code: 'project/promise-too-small' }) as Error);
  });

  it('is never smaller than what its ledger was charged besides', () => {
    const more: Charge = { mechanism: { kind: 'gaussian', noiseMultiplier: 200 }, count: 1 };
    const told = toldStatement({ ...made, charged: { ...made.charged, training: [...made.charged.training, more] } });
    if (!told.isPrivate) throw new Error('private');
    expect(told.epsilon).toBe(pldEpsilon([...made.statement.releases!, more], told.delta).epsilon);
    expect(told.epsilon).toBeGreaterThan(made.statement.epsilon);
  });
});

describe('a statement that came with a file', () => {
  let made: Told;
  beforeAll(async () => {
    made = await madeRun(plans['a private head']);
  });
  const changed = (statement: Partial<Record<keyof Private, unknown>>, run: Partial<ToldRun> = {}): ToldRun => ({ ...made, ...run, statement: { ...made.statement, ...statement } as Private });
  const code = (name: string) => expect.objectContaining({ code: name }) as Error;

  it('has all that follows from its releases worked out anew, whatever the file says of it', () => {
    const said = changed({
      epsilonReplaceOne: 0.1, adjacency: 'none', accountant: 'rdp', accountantSettings: 'x\n\n# Certified', settings: { accountant: 'rdp' }, mu: 0.001, guessingBound: 0.5, foundAtOnePercent: 0.01,
      publicFacts: [], notCovered: [], samplerDelta: 0, epsilonRdp: 0.1, sampling: 'none', lines: [], validation: { part: 'training', epsilon: 0.01 },
    });
    expect(toldStatement(said)).toEqual(made.statement);
  });

  it('keeps the larger epsilon where more is told than the releases come to: some of them may be missing', () => {
    const told = toldStatement(changed({ epsilon: 2 * made.statement.epsilon }));
    expect(told).toMatchObject({ epsilon: 2 * made.statement.epsilon, delta: made.statement.delta, mu: null });
    if (!told.isPrivate) throw new Error('private');
    expect(told.epsilonReplaceOne).toBeGreaterThanOrEqual(told.epsilon);
    expect(told.guessingBound).toBeGreaterThan(made.statement.guessingBound);
    expect(toldStatement(changed({ epsilon: Infinity }))).toMatchObject({ epsilon: Infinity, guessingBound: 1, foundAtOnePercent: 1 });
  });

  it('takes the last digits of another version\'s accountant for what they are, upwards', () => {
    expect(toldStatement(changed({ epsilon: made.statement.epsilon * 0.995 }))).toMatchObject({ epsilon: made.statement.epsilon, mu: made.statement.mu });
  });

  it('keeps a score to the largest epsilon that anything says of it', () => {
    expect(toldStatement(changed({ validation: null }, { scoreEpsilon: 1.5 }))).toMatchObject({ validation: { part: 'held-out', epsilon: 1.5 } });
    expect(toldStatement(changed({ validation: null }, { scoreEpsilon: null, charged: { training: [], heldOut: [] } }))).toMatchObject({ validation: null });
  });

  it('is at the delta of the plan: at a larger one a smaller epsilon would hold', () => {
    const { epsilon } = pldEpsilon(made.statement.releases!, 0.01);
    expect(epsilon).toBeLessThan(made.statement.epsilon / 2);
    expect(() => toldStatement(changed({ delta: 0.01, epsilon }))).toThrow(code('project/promise-too-small'));
    expect(toldStatement(changed({ delta: 0.01 }))).toEqual(made.statement);
  });

  it('is refused of another unit, of a plan that is not private, and where nothing can be worked out', () => {
    expect(() => toldStatement(changed({ unit: 'person' }))).toThrow(code('project/promise-of-another-unit'));
    expect(() => toldStatement({ ...made, plan: nanoPlans.plainHead(units) })).toThrow(code('project/promise-too-small'));
    const wrong: readonly Partial<Record<keyof Private, unknown>>[] = [
      { delta: 0 }, { delta: 1 }, { delta: 'x' }, { steps: -1 }, { steps: 0.5 }, { clipNorm: NaN }, { noiseMultiplier: 0 }, { samplingRate: 0 }, { releases: null }, { releases: [null] }, { releases: [{ mechanism: null, count: 1 }] },
      { releases: [{ mechanism: { kind: 'magic', noiseMultiplier: 1 }, count: 1 }] }, { releases: [{ mechanism: { kind: 'gaussian', noiseMultiplier: '9' }, count: 1 }] }, { releases: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 9 }, count: -1 }] },
      { releases: Array.from({ length: 40 }, (_, i) => ({ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 5 + i, samplingRate: 0.1 }, count: 1 })) },
    ];
    for (const change of wrong) expect(() => toldStatement(changed(change)), JSON.stringify(change)).toThrow(code('project/promise-unsound'));
  });

  it('is refused where the plan names a law of noise that is none, private statement or not', () => {
    const plan = JSON.parse(JSON.stringify({ ...made.plan, noiseLaw: 'laplace' })) as PrivatePlan;
    expect(() => toldStatement({ ...made, plan })).toThrow(code('privacy/noise-law'));
    expect(() => toldStatement({ ...made, plan, statement: { isPrivate: false } })).toThrow(code('privacy/noise-law'));
    expect(toldStatement({ ...made, statement: { isPrivate: false } })).toEqual({ isPrivate: false });
  });

  it('of a model that came back from a federation is the one that was made, also of one that answered no round, and where the participant is the unit', () => {
    const charges: readonly Charge[] = [{ mechanism: { kind: 'gaussian', noiseMultiplier: 4 }, count: 2 }, { mechanism: { kind: 'gaussian', noiseMultiplier: 6 }, count: 1 }];
    const pooled = pooledHead(task, head, model);
    for (const unit of ['row', 'participant'] as const) {
      for (const own of [charges, []]) {
        const told = pooledStatement({ ...task, unit }, pooled, own, 'row');
        if (!told.isPrivate) throw new Error('private');
        const { samplerDelta, ...rest } = told;
        const run: ToldRun = { ...made, plan: federatedPlan(task, head, 'row'), stepsDone: told.steps, statement: told, scoreEpsilon: null, charged: { training: [], heldOut: [] }, model: pooled };
        const found = toldStatement(run);
        expect(found).toMatchObject({ ...rest, guessingBound: expect.closeTo(told.guessingBound, 12) as number, foundAtOnePercent: expect.closeTo(told.foundAtOnePercent, 12) as number });
        // Of the told error and that of a plan of one clip norm the larger: up to the last digits.
        if (found.isPrivate) expect(found.samplerDelta! / Math.max(Number.MIN_VALUE, samplerDelta!)).toBeCloseTo(own.length === 0 ? 0 : 1, 9);
        expect(() => toldStatement({ ...run, statement: { ...told, epsilon: told.epsilon / 2, releases: charges } })).toThrow(code('project/promise-too-small'));
      }
    }
  });

  it('of a run that went on from another composes what both were charged', () => {
    const plan: PrivatePlan = { ...plans['a private head'], continues: { runId: 'before', runNumber: 2, stepsBefore: 8, noiseMultiplier: 30, stepSize: 1 }, meanShare: 0 };
    const step: Charge = { mechanism: { kind: 'gaussian', noiseMultiplier: 30 }, count: 5 };
    const inherited = made.statement.releases!;
    const statement = statementAtEnd(plan, { unit: plan.unit, trainingUnits: units, classes: nanoClasses }, { stepsDone: 5, model: made.model! }, { training: [step], heldOut: [] }, inherited);
    if (!statement.isPrivate) throw new Error('private');
    const run: ToldRun = { ...made, plan, stepsDone: 5, statement, scoreEpsilon: null, charged: { training: [step], heldOut: [] }, inherited };
    expect(toldStatement(run)).toEqual(statement);
    const { epsilonAlone } = statement.continues!;
    expect(() => toldStatement({ ...run, statement: { ...statement, epsilon: epsilonAlone, releases: [step] } })).toThrow(code('project/promise-too-small'));
  });
});
