import { afterEach, describe, expect, it } from 'vitest';
import type { ChargeEvent } from '../privacy/events.ts';
import type { Plan } from '../training/plan.ts';
import { createBedside } from './bedside.ts';
import type { TrainOnOffer } from './bedside.service.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

const workers = watchWorkers();

describe('training on from an ended run, through workers', () => {
  const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 1 });
  // The sample is the same notes each time: what one test spent of them would count in the next.
  afterEach(() => clearAll(service));
  const chargesOf = async (runId: string) => (await service.ledger()).entries.flatMap(({ event }): ChargeEvent[] => (event.kind === 'charge' && event.runId === runId ? [event] : []));
  const run = async (id: string, plan: Plan) => {
    const listening = listen();
    const { runId } = await service.startRun(id, plan, listening.onMessage);
    return { runId, end: await listening.end };
  };
  async function ended(change: (plan: Awaited<ReturnType<typeof proposedPlan>>) => Plan) {
    const id = await sampleProject(service);
    await service.setBudget(id, 20);
    const plan = change({ ...(await proposedPlan(service, id)), maximumLength: 16, epsilon: 1, steps: 10, validationEpsilon: null });
    return { id, plan, ...(await run(id, plan)) };
  }
  const offered = ({ offer, obstacle }: TrainOnOffer) => {
    if (!offer) throw new Error(`expected an offer, found ${obstacle}`);
    return offer;
  };

  it('prices some more steps, charges just that, and promises what both runs were charged, in the results and the exported card', async () => {
    const { id, runId } = await ended((plan) => plan);
    const { plan, price } = offered(await service.trainOn(id, runId));
    expect(plan).toMatchObject({ kind: 'full-batch-head', steps: 2, continues: { runId, runNumber: 1, stepsBefore: 10 } });
    const before = await service.budget(id);
    expect(price).toMatchObject({ epsilonBefore: before.epsilonSpent, fits: true });
    const forecast = await service.forecast(id, plan);
    expect(forecast.epsilonAfter).toBeCloseTo(price!.epsilonAfter, 9);
    expect(forecast.statement).toMatchObject({ steps: 12, continues: { runNumber: 1, stepsBefore: 10 } });
    const second = await run(id, plan);
    expect(second.end).toMatchObject({ kind: 'finished' });
    // Price and charge: the same mechanisms, and the ledger of the training part where it was foretold.
    expect((await service.budget(id)).epsilonSpent).toBeCloseTo(price!.epsilonAfter, 9);
    const gradients = (charges: readonly ChargeEvent[]) => charges.filter(({ purpose }) => purpose === 'gradient').map(({ mechanism, cohortId }) => JSON.stringify([mechanism, cohortId]));
    const [firstCharges, secondCharges] = [await chargesOf(runId), await chargesOf(second.runId)];
    expect(secondCharges).toHaveLength(2);
    expect(new Set([...gradients(firstCharges), ...gradients(secondCharges)]).size).toBe(1);
    const results = await service.results(id, second.runId);
    if (!results.statement.isPrivate || !forecast.statement.isPrivate) throw new Error('it is private');
    expect(results.statement.epsilon).toBeCloseTo(price!.epsilonModel, 9);
    expect(results.statement.epsilon).toBeCloseTo((await service.budget(id)).epsilonSpent, 9);
    expect(results.statement.continues!.epsilonAlone).toBeCloseTo(forecast.epsilonRun!, 9);
    expect(results.run.epsilonRun).toBeCloseTo(forecast.epsilonRun!, 9);
    // The line of the run says both, in the list of runs too.
    expect(results.run.epsilonModel).toBeCloseTo(price!.epsilonModel, 9);
    expect((await service.openProject(id)).runs.find(({ id: runId }) => runId === results.run.id)?.epsilonModel).toBe(results.run.epsilonModel);
    // The same notes are held out, and the model is another.
    expect(results.classification.accuracy.total).toBe((await service.results(id, runId)).classification.accuracy.total);
    expect((await service.exportModel(id, second.runId)).value.size).toBeGreaterThan(500);
    // A score of its own can be charged afterwards, and leaves the promise of both as it is.
    const scored = await service.chargeScore(id, second.runId);
    expect(scored.statement.isPrivate && scored.statement.epsilon).toBeCloseTo(price!.epsilonModel, 9);
    // And on from there: three runs together.
    const third = offered(await service.trainOn(id, second.runId));
    expect(third.plan.continues).toMatchObject({ runNumber: 2, stepsBefore: 12 });
    expect(third.price!.epsilonModel).toBeGreaterThan(price!.epsilonModel);
  });

  it('trains adapters without noise on for one epoch, at no price, and adapters with noise at theirs', async () => {
    for (const isPrivate of [false, true]) {
      const id = await sampleProject(service);
      await service.setBudget(id, 20);
      const { alternatives } = await service.proposePlan(id);
      const lora = { ...alternatives['plain-lora'].lora, rank: 2 };
      const first = await run(id, isPrivate ? { ...alternatives['dp-sgd'], maximumLength: 16, epsilon: 2, steps: 3, expectedBatchSize: 120, lora, validationEpsilon: null } : { ...alternatives['plain-lora'], maximumLength: 16, epochs: 1, batchSize: 64, lora });
      const { plan, price } = offered(await service.trainOn(id, first.runId));
      expect(price === null).toBe(!isPrivate);
      const second = await run(id, plan);
      expect(second.end).toMatchObject({ kind: 'finished' });
      expect((await chargesOf(second.runId)).length).toBe(isPrivate && 'steps' in plan ? plan.steps : 0);
      if (price) expect((await service.budget(id)).epsilonSpent).toBeCloseTo(price.epsilonAfter, 6);
      await service.deleteProject(id);
    }
  });

  it('refuses where the limit does not allow it, charging nothing', async () => {
    const { id, runId } = await ended((plan) => plan);
    await service.setBudget(id, 1.0001);
    const { plan, price } = offered(await service.trainOn(id, runId));
    expect(price).toMatchObject({ fits: false });
    const second = await run(id, plan);
    expect(second.end).toMatchObject({ kind: 'stopped', reason: 'budget' });
    expect(await chargesOf(second.runId)).toEqual([]);
  });

  it('refuses other notes, another plan, and runs that cannot be gone on from, charging nothing', async () => {
    const { id, runId, plan } = await ended((one) => one);
    const on = offered(await service.trainOn(id, runId)).plan;
    const before = (await service.ledger()).entries.filter(({ event }) => event.kind === 'charge').length;
    const faults: readonly Plan[] = [{ ...on, maximumLength: 17 }, { ...on, continues: { ...on.continues!, noiseMultiplier: 1e-3 } }, { ...plan, continues: on.continues! }, { ...on, heldOutShare: 0.1 }];
    for (const fault of faults) await expect(service.startRun(id, fault, () => undefined)).rejects.toMatchObject({ code: 'training/other-train-on-plan' });
    const other = await sampleProject(service);
    await expect(service.startRun(other, on, () => undefined)).rejects.toMatchObject({ code: 'training/other-train-on-plan' });
    await service.deleteProject(other);
    // A search says why not, and so does the run once persons are named by another column: other notes may be held out then.
    if (plan.kind !== 'full-batch-head') throw new Error('it is the private head');
    const searched = await run(id, { ...plan, search: { meanRuns: 2, scoreEpsilon: 2 } });
    expect(await service.trainOn(id, searched.runId)).toEqual({ offer: null, obstacle: 'search' });
    const { columns } = await service.preview(id);
    await service.setColumns(id, Object.fromEntries(columns.map(({ name, role }) => [name, role === 'person' ? 'ignore' : role])));
    expect(await service.trainOn(id, runId)).toEqual({ offer: null, obstacle: 'other-notes' });
    await expect(service.startRun(id, on, () => undefined)).rejects.toMatchObject({ code: 'training/cannot-train-on' });
    const charges = (await service.ledger()).entries.flatMap(({ event }) => (event.kind === 'charge' && event.runId !== searched.runId ? [event] : []));
    expect(charges).toHaveLength(before);
  });

  it('is not to be had of a run that came with a project file: other notes were held out there', async () => {
    const { id, runId } = await ended((plan) => plan);
    expect((await service.trainOn(id, runId)).obstacle).toBeNull();
    const copy = await service.importProject(new File([(await service.exportProject(id)).value], 'copy.zip'), true);
    const [imported] = (await service.openProject(copy.id)).runs;
    expect(await service.trainOn(copy.id, imported!.id)).toEqual({ offer: null, obstacle: 'from-file' });
    await service.deleteProject(copy.id);
  });

  it('resumes after its worker was killed: from its last step, under the same promise and one step charged again at most', async () => {
    const { id, runId } = await ended((plan) => ({ ...plan, steps: 1000 }));
    const { plan, price } = offered(await service.trainOn(id, runId));
    const listening = listen();
    const handle = await service.startRun(id, plan, listening.onMessage);
    await listening.pastStep(0);
    workers.get('guard')!.at(-1)!.terminate();
    expect(await listening.end).toMatchObject({ kind: 'failed', code: 'device/worker-died' });
    const again = listen();
    await service.resumeRun(id, handle.runId, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'finished', run: { stepsDone: 200 } });
    const charged = (await chargesOf(handle.runId)).length;
    expect([200, 201]).toContain(charged);
    const { statement } = await service.results(id, handle.runId);
    expect(statement.isPrivate && statement.epsilon).toBeGreaterThanOrEqual(price!.epsilonModel - 1e-9);
    expect(statement).toMatchObject({ continues: { stepsBefore: 1000 }, steps: 1200 });
  });
});
