import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../training/plan.ts';
import type { ChargeEvent } from '../privacy/events.ts';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

watchWorkers();

describe('what a click costs, and the clicks', () => {
  const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 1 });
  afterAll(() => clearAll(service));
  const chargesOf = async (runId: string) => (await service.ledger()).entries.flatMap(({ event }): ChargeEvent[] => (event.kind === 'charge' && event.runId === runId ? [event] : []));
  async function finished(change: Partial<Awaited<ReturnType<typeof proposedPlan>>>) {
    const id = await sampleProject(service);
    await service.setBudget(id, 20);
    const plan = { ...(await proposedPlan(service, id)), maximumLength: 16, epsilon: 1, steps: 2, ...change };
    const forecast = await service.forecast(id, plan);
    const run = listen();
    const { runId } = await service.startRun(id, plan, run.onMessage);
    const end = await run.end;
    return { id, plan, forecast, runId, end, messages: run.messages };
  }

  it('foretells another run, and a score after the run, and charges just that', async () => {
    const { id, plan, runId } = await finished({ validationEpsilon: null });
    const prices = (await service.prices(id, runId))!;
    expect(prices.again.epsilonBefore).toBeCloseTo(1, 3);
    // Two runs of epsilon 1 are one Gaussian of sqrt(2) mu: less than 2 in all.
    expect(prices.again.epsilonAfter).toBeGreaterThan(1.3);
    expect(prices.again.epsilonAfter).toBeLessThan(1.6);
    expect(prices.again.epsilonAfter).toBeCloseTo((await service.forecast(id, plan)).epsilonAfter!, 9);
    expect(prices.score).toMatchObject({ epsilon: 1, epsilonBefore: 0, fits: true });
    const before = await service.budget(id);
    const scored = await service.chargeScore(id, runId);
    const after = await service.budget(id);
    expect(after.epsilonSpent).toBe(before.epsilonSpent);
    expect(after.epsilonHeldOut).toBeCloseTo(prices.score!.epsilonAfter, 9);
    expect((await chargesOf(runId)).map(({ purpose }) => purpose).filter((purpose) => purpose === 'charged-validation')).toHaveLength(1);
    expect(scored.releasedAccuracy!.epsilon).toBeCloseTo(1, 9);
    expect(scored.statement).toMatchObject({ isPrivate: true, validation: { part: 'held-out' } });
    expect(await service.results(id, runId)).toEqual(scored);
    // It has its score now; a second one is not on offer.
    expect((await service.prices(id, runId))!.score).toBeNull();
    const entries = (await service.ledger()).entries.length;
    await expect(service.chargeScore(id, runId)).rejects.toMatchObject({ code: 'training/has-score' });
    // Asked before the run is opened: none is left as one that goes on.
    expect((await service.ledger()).entries).toHaveLength(entries);
    await service.deleteProject(id);
  });

  it('foretells what both parts will have spent, of the score and of what a search chooses by too, by every offer of the click', async () => {
    const id = await sampleProject(service);
    await service.setBudget(id, 30);
    const plan = { ...(await proposedPlan(service, id)), maximumLength: 16, epsilon: 1, steps: 5, validationEpsilon: 1 };
    const search = { meanRuns: 2, scoreEpsilon: 2 };
    const parts = async () => { const { epsilonSpent, epsilonTraining, epsilonHeldOut } = await service.budget(id); return [epsilonSpent, epsilonTraining!, epsilonHeldOut] as const; };
    const near = (found: readonly (number | null)[], expected: readonly number[]) => expected.forEach((value, index) => expect(found[index], `part ${index}`).toBeCloseTo(value, 9));
    async function runAs(one: Plan): Promise<{ readonly runId: string; readonly spent: readonly [number, number, number] }> {
      const { epsilonAfter, epsilonTrainingAfter, epsilonHeldOutAfter } = await service.forecast(id, one);
      const run = listen();
      const { runId } = await service.startRun(id, one, run.onMessage);
      expect(await run.end).toMatchObject({ kind: 'finished' });
      const spent = await parts();
      near([epsilonAfter, epsilonTrainingAfter, epsilonHeldOutAfter], spent);
      return { runId, spent };
    }
    const first = await runAs(plan);
    const priced = (await service.prices(id, first.runId))!.again;
    near([priced.epsilonBefore, priced.heldOut!.epsilonBefore], first.spent.slice(1));
    const second = await runAs(plan);
    near([priced.epsilonAfter, priced.heldOut!.epsilonAfter], second.spent.slice(1));
    const { price, plan: onward } = (await service.trainOn(id, second.runId)).offer!;
    expect(price!.heldOut).toBeNull();
    const third = await runAs(onward);
    near([price!.epsilonBefore, price!.epsilonAfter], [second.spent[1], third.spent[1]]);
    const unscored = await runAs({ ...plan, epsilon: 0.5, search, validationEpsilon: null });
    const scored = await runAs({ ...plan, epsilon: 0.5, search });
    // The larger figure is the held-out part's, and no longer the training's.
    expect(scored.spent[2]).toBeGreaterThan(scored.spent[1]);
    expect(scored.spent[2] - unscored.spent[2]).toBeGreaterThan(0.1);
    const again = (await service.prices(id, scored.runId))!.again;
    near([again.epsilonBefore, again.heldOut!.epsilonBefore], scored.spent.slice(1));
    await service.deleteProject(id);
  });

  it('says which part refuses a search, and what it may choose by', async () => {
    const id = await sampleProject(service);
    // Other data sets of these notes have spent by now.
    await service.setBudget(id, 30);
    const plan = { ...(await proposedPlan(service, id)), maximumLength: 16, epsilon: 0.05, steps: 2, validationEpsilon: 1 };
    const { epsilonTraining, epsilonHeldOut } = await service.budget(id);
    const limit = Math.max(epsilonTraining!, epsilonHeldOut) + 1;
    await service.setBudget(id, limit);
    const searching = (scoreEpsilon: number) => ({ ...plan, epsilon: 0.5, search: { meanRuns: 2, scoreEpsilon } });
    const refused = await service.forecast(id, searching(9));
    expect(refused).toMatchObject({ fitsBudget: false, refusedParts: { training: false, heldOut: true } });
    expect(refused.epsilonHeldOutAfter).toBeGreaterThan(limit);
    const most = refused.refusedParts!.searchScoreLeft!;
    expect((await service.forecast(id, searching(most))).fitsBudget).toBe(true);
    expect((await service.forecast(id, searching(most + 0.01))).fitsBudget).toBe(false);
    const dear = await service.forecast(id, { ...plan, epsilon: 29 });
    expect(dear).toMatchObject({ fitsBudget: false, refusedParts: { training: true, heldOut: false, searchScoreLeft: null } });
    // A score that does not fit is left out, and the most that would is named.
    const left = await service.forecast(id, { ...plan, validationEpsilon: 9 });
    expect(left).toMatchObject({ fitsBudget: true, scoreFits: false });
    expect(left.epsilonHeldOutAfter).toBeCloseTo(epsilonHeldOut, 9);
    expect((await service.forecast(id, { ...plan, validationEpsilon: left.scoreLeft! })).scoreFits).toBe(true);
    expect((await service.forecast(id, { ...plan, validationEpsilon: left.scoreLeft! + 0.01 })).scoreFits).toBe(false);
    await service.deleteProject(id);
  });

  it('refuses a score that the held-out part cannot pay, charging nothing', async () => {
    const { id, runId } = await finished({ validationEpsilon: null });
    await service.setBudget(id, 1.0001);
    expect((await service.prices(id, runId))!.again.fits).toBe(false);
    // One of the limit fits; none fits beside one that was charged before.
    await service.setBudget(id, 0.5);
    expect((await service.prices(id, runId))!.score).toMatchObject({ fits: false });
    const before = (await chargesOf(runId)).length;
    await expect(service.chargeScore(id, runId)).rejects.toMatchObject({ code: 'budget/score-refused', family: 'budget' });
    expect(await chargesOf(runId)).toHaveLength(before);
    await service.deleteProject(id);
  });

  it('refuses a score where other notes are held out than the run held out, charging nothing', async () => {
    const { id, runId } = await finished({ validationEpsilon: null });
    expect((await service.prices(id, runId))!.score).not.toBeNull();
    // The notes are dealt by the ledger's key, which goes with it: some that the model was trained on are held out now.
    await service.eraseLedger();
    expect((await service.prices(id, runId))!.score).toBeNull();
    await expect(service.chargeScore(id, runId)).rejects.toMatchObject({ code: 'training/data-changed' });
    expect(await chargesOf(runId)).toEqual([]);
    await service.deleteProject(id);
  });

  it('charges no score to a run that came with a project file: what it was charged stands in the file, and the statement would be made of the ledger', async () => {
    const { id, runId } = await finished({ validationEpsilon: null });
    const copy = await service.importProject(new File([(await service.exportProject(id)).value], 'copy.zip'), true);
    const [imported] = (await service.openProject(copy.id)).runs;
    const told = await service.results(copy.id, imported!.id);
    const entries = (await service.ledger()).entries.length;
    expect((await service.prices(copy.id, imported!.id))!.score).toBeNull();
    await expect(service.chargeScore(copy.id, imported!.id)).rejects.toMatchObject({ code: 'training/has-score' });
    expect((await service.ledger()).entries).toHaveLength(entries);
    expect(await service.results(copy.id, imported!.id)).toEqual(told);
    expect((await service.prices(id, runId))!.score).not.toBeNull();
    for (const one of [copy.id, id]) await service.deleteProject(one);
  });

  it('searches among settings through workers: charged before, nothing kept of it but its best', async () => {
    // Steps enough that it is told of several times: what is told comes four times a second.
    const { id, forecast, runId, end, messages } = await finished({ search: { meanRuns: 2, scoreEpsilon: 2 }, validationEpsilon: null, steps: 30 });
    expect(end).toMatchObject({ kind: 'finished' });
    expect(forecast.epsilonHeldOutAfter).toBeCloseTo((await service.budget(id)).epsilonHeldOut, 9);
    expect(forecast.statement).toMatchObject({ accountant: 'rdp', search: { meanRuns: 2 } });
    expect((await chargesOf(runId)).map(({ purpose }) => purpose)).toEqual(['search-score', 'feature-mean', 'search']);
    // What the panel is told while it goes on: the whole price from the first step, and never a score.
    const told = messages.flatMap((message) => (message.kind === 'progress' ? [message.progress] : []));
    expect(told.every(({ points }) => points.every(({ accuracy }) => accuracy === null))).toBe(true);
    const training = told.filter(({ step, phase }) => phase === 'training' && step > 0);
    expect(new Set(training.map(({ epsilonAtEnd }) => epsilonAtEnd?.toFixed(6))).size).toBe(1);
    expect(training[0]!.epsilonNextStep).toBeCloseTo(training[0]!.epsilonAtEnd!, 9);
    const results = await service.results(id, runId);
    if (!results.statement.isPrivate || !forecast.statement.isPrivate) throw new Error('it is private');
    expect(results.statement.epsilon).toBeCloseTo(forecast.statement.epsilon, 9);
    expect((await service.exportModel(id, runId)).value.size).toBeGreaterThan(500);
    await service.deleteProject(id);
  });

  it('draws discrete noise where the plan says so, and says it in the ledger and the statement', async () => {
    const { id, runId, end } = await finished({ noiseLaw: 'discrete-gaussian' });
    expect(end).toMatchObject({ kind: 'finished', statement: { accountant: 'zcdp', noiseLaw: 'discrete-gaussian', samplerDelta: 0 } });
    expect(new Set((await chargesOf(runId)).map(({ mechanism: { kind } }) => kind))).toEqual(new Set(['discrete-gaussian']));
    await service.deleteProject(id);
  });
});
