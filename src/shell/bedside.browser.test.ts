import { afterAll, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject } from './testing/service-scenes.ts';

const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 2 });

afterAll(async () => {
  await clearAll(service);
});

describe('the service, over real workers and the nano model', () => {
  it('goes from the sample to a trained model, and uses it', async () => {
    const id = await sampleProject(service);
    const before = await service.budget(id);
    expect(before).toMatchObject({ epsilonLimit: 4, epsilonSpent: 0, isChainIntact: true });
    const proposal = await service.proposePlan(id);
    const plan = { ...(await proposedPlan(service, id)), steps: 12 };
    const forecast = await service.forecast(id, plan);
    expect(forecast.fitsBudget).toBe(true);
    expect(forecast.epsilonRun).toBeCloseTo(plan.epsilon, 6);

    const run = listen();
    const handle = await service.startRun(id, plan, run.onMessage);
    const end = await run.end;
    expect(end).toMatchObject({ kind: 'finished' });
    const phases = new Set(run.messages.flatMap((message) => (message.kind === 'progress' ? [message.progress.phase] : [])));
    // Messages are throttled: of twelve quick steps the page may hear of the end alone.
    expect(phases.has('training') || phases.has('evaluating')).toBe(true);
    const results = await service.results(id, handle.runId);
    expect(results.run).toMatchObject({ state: 'finished', stepsDone: 12, hasModel: true });
    expect(results.classification.accuracy.total).toBe(proposal.heldOutRows);
    expect(results.releasedAccuracy).not.toBeNull();
    expect(results.groups.length).toBeGreaterThan(0);

    const after = await service.budget(id);
    expect(after.epsilonSpent).toBeCloseTo(plan.epsilon, 6);
    expect(after.isChainIntact).toBe(true);
    const { entries } = await service.ledger();
    // One charge for the mean, one a step, one for the validation.
    expect(entries.filter(({ event }) => event.kind === 'charge' && event.runId === handle.runId)).toHaveLength(14);

    const prediction = await service.classify(id, handle.runId, 'The patient reports chest pain.');
    expect(results.labels).toContain(prediction.label);
    const file = new File(['note,id\n"chest pain, again",1\n,2\nrash,3\n'], 'more.csv');
    const labelled = await (await service.classifyFile(id, handle.runId, file, () => undefined, new AbortController().signal)).table.value.text();
    expect(labelled.split('\r\n')[0]).toContain('note,id,predicted_label,confidence');
    expect(labelled.trim().split('\r\n')).toHaveLength(4);
    const { value: exported } = await service.exportModel(id, handle.runId);
    expect(exported.size).toBeGreaterThan(1000);
  });

  it('refuses a second run over the same notes once the budget is gone, whatever project they lie in', async () => {
    const id = await sampleProject(service);
    const budget = await service.budget(id);
    expect(budget.epsilonSpent).toBeGreaterThan(2.9);
    for (const limit of [Number.NaN, 0, -1, Infinity]) await expect(service.setBudget(id, limit)).rejects.toMatchObject({ code: 'settings/out-of-range' });
    expect(await service.budget(id)).toEqual(budget);
    const plan = { ...(await proposedPlan(service, id)), epsilon: 3, steps: 12 };
    expect((await service.forecast(id, plan)).fitsBudget).toBe(false);
    const run = listen();
    await service.startRun(id, plan, run.onMessage);
    expect(await run.end).toMatchObject({ kind: 'stopped', reason: 'budget' });
    expect((await service.budget(id)).epsilonSpent).toBeLessThanOrEqual(4 * (1 + 1e-9));
  });

  it('pauses, goes on and stops, keeping the model', async () => {
    await service.eraseLedger();
    const id = await sampleProject(service);
    const plan = { ...(await proposedPlan(service, id)), steps: 500 };
    const run = listen();
    const handle = await service.startRun(id, plan, run.onMessage);
    await run.pastStep(2);
    await handle.pause();
    expect(run.messages.at(-1)!.kind).toBe('paused');
    const paused = (await service.ledger()).entries.length;
    await new Promise((resolve) => setTimeout(resolve, 600));
    // The step in hand when the pause came may still be charged, and no other.
    expect((await service.ledger()).entries.length).toBeLessThanOrEqual(paused + 1);
    await handle.resume();
    await run.next('progress');
    await handle.stop();
    const end = await run.end;
    expect(end).toMatchObject({ kind: 'stopped', reason: 'asked' });
    const [summary] = (await service.openProject(id)).runs;
    expect(summary).toMatchObject({ state: 'stopped', hasModel: true });
    expect(summary!.stepsDone).toBeLessThan(500);
    await service.classify(id, handle.runId, 'a note');
  });

  it('carries a project to another place and back, and no budget is won by it', async () => {
    await service.eraseLedger();
    const id = await sampleProject(service);
    const plan = { ...(await proposedPlan(service, id)), epsilon: 2, steps: 5 };
    const run = listen();
    const { runId } = await service.startRun(id, plan, run.onMessage);
    await run.end;
    const spent = (await service.budget(id)).epsilonSpent;
    const { value: file } = await service.exportProject(id);
    const again = await service.importProject(file);
    expect((await service.openProject(again.id)).runs.map(({ isFromFile }) => isFromFile)).toEqual([true]);
    expect((await service.budget(again.id)).epsilonSpent).toBeCloseTo(spent, 9);

    // Erased, this browser is another installation: new key, empty ledger.
    for (const project of await service.listProjects()) await service.deleteProject(project.id);
    await service.eraseLedger();
    const elsewhere = await service.importProject(file);
    expect((await service.budget(elsewhere.id)).epsilonSpent).toBeGreaterThanOrEqual(spent - 1e-9);
    const project = await service.openProject(elsewhere.id);
    expect(project.runs.map(({ state }) => state)).toEqual(['finished']);
    expect(project.runs[0]!.id).toBe(runId);
    await service.classify(elsewhere.id, runId, 'a note');
    await expect(service.importProject(new Blob(['no zip']))).rejects.toMatchObject({ code: 'input/project-file' });
  });

  it('lets a copy train privately within the share that it brought, and one without a share not at all', async () => {
    await service.eraseLedger();
    const id = await sampleProject(service);
    const { value: without } = await service.exportProject(id);
    const left = await service.shareable(id);
    expect(left!.epsilon).toBe(4);
    const { value: file } = await service.exportProject(id, 1);
    expect(await service.budget(id)).toMatchObject({ epsilonLimit: 3, allowance: null });
    for (const project of await service.listProjects()) await service.deleteProject(project.id);
    await service.eraseLedger();

    const copy = await service.importProject(without);
    expect(copy.budget).toMatchObject({ allowance: { epsilon: 0 } });
    // With nothing to spend, the label sentences alone are proposed.
    const { plan: proposed, alternatives } = await service.proposePlan(copy.id);
    expect(proposed.kind).toBe('label-sentences');
    const plan = { ...alternatives['full-batch-head'], epsilon: 1, steps: 4 };
    expect((await service.forecast(copy.id, plan)).fitsBudget).toBe(false);
    await expect(service.startRun(copy.id, plan, () => undefined)).rejects.toMatchObject({ code: 'budget/no-allowance' });
    expect((await service.openProject(copy.id)).runs).toEqual([]);
    // What is not private stays as it was.
    const plain = listen();
    await service.startRun(copy.id, { ...alternatives['plain-head'], epochs: 1 }, plain.onMessage);
    expect(await plain.end).toMatchObject({ kind: 'finished' });

    const brought = await service.importProject(file);
    const delta = (await service.budget(brought.id)).delta;
    const fitting = { ...plan, delta };
    expect(await service.forecast(brought.id, fitting)).toMatchObject({ fitsBudget: true });
    const run = listen();
    await service.startRun(brought.id, fitting, run.onMessage);
    expect(await run.end).toMatchObject({ kind: 'finished' });
    expect((await service.budget(brought.id)).allowance!.epsilonSpent).toBeCloseTo(1, 6);
    const again = listen();
    await service.startRun(brought.id, fitting, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'stopped', reason: 'budget' });
    expect((await service.budget(brought.id)).allowance!.epsilonSpent).toBeLessThanOrEqual(1 + 1e-8);
  });

  it('keeps the ledger when a project is deleted, and forgets everything else of it', async () => {
    await service.eraseLedger();
    const id = await sampleProject(service);
    const run = listen();
    await service.startRun(id, { ...(await proposedPlan(service, id)), steps: 3 }, run.onMessage);
    await run.end;
    const { entries } = await service.ledger();
    await service.deleteProject(id);
    expect((await service.ledger()).entries).toHaveLength(entries.length);
    await expect(service.openProject(id)).rejects.toMatchObject({ code: 'storage/missing' });
    const anew = await sampleProject(service);
    expect((await service.budget(anew)).epsilonSpent).toBeGreaterThan(0);
  });

  it('says what it has asked of the network and kept', async () => {
    const silence = await service.silence();
    expect(silence.sentBytes).toBe(0);
    expect(silence.requests.length).toBeGreaterThan(0);
    expect(silence.sinceMs).toBe(performance.timeOrigin);
    const storage = await service.storage();
    expect(storage.parts.map(({ part }) => part).sort()).toEqual(['caches', 'features', 'ledger', 'models', 'projects']);
    expect(storage.parts.find(({ part }) => part === 'ledger')!.count).toBeGreaterThan(0);
  });

  it('takes what is said of the machine and its electricity into the forecast and the next run', async () => {
    await service.eraseLedger();
    const id = await sampleProject(service);
    const plan = { ...(await proposedPlan(service, id)), steps: 3 };
    const { settings } = await service.energy();
    const before = await service.forecast(id, plan);
    const report = await service.setEnergy({ deviceClass: 'desktop-discrete', measuredWatts: 250, country: 'FRA' });
    expect(report.watts.central).toBe(250);
    const after = await service.forecast(id, plan);
    expect(after.energyWh.central).toBeCloseTo((250 * after.seconds.central) / 3600, 9);
    const grams = report.countries.find(({ country }) => country === 'FRA')!.gramsPerKwh;
    expect(after.carbonGrams.central / after.energyWh.central).toBeCloseTo(grams / 1000, 9);
    expect(before.carbonGrams.central / before.energyWh.central).toBeCloseTo(0.475, 9);
    const run = listen();
    const { runId } = await service.startRun(id, plan, run.onMessage);
    await run.end;
    const results = await service.results(id, runId);
    expect(results.energyWh.central).toBeCloseTo((250 * results.run.seconds) / 3600, 9);
    expect(results.carbonGrams.central / results.energyWh.central).toBeCloseTo(grams / 1000, 9);
    await service.setEnergy(settings);
  });

  it('says that notes of unknown persons were charged for, once persons are protected', async () => {
    await service.eraseLedger();
    const id = await sampleProject(service);
    const { columnRoles } = await service.openProject(id);
    const person = Object.keys(columnRoles).find((name) => columnRoles[name] === 'person')!;
    await service.setColumns(id, { ...columnRoles, [person]: 'ignore' });
    const run = listen();
    await service.startRun(id, { ...(await proposedPlan(service, id)), epsilon: 1, steps: 3, unit: 'row' }, run.onMessage);
    await run.end;
    expect(await service.budget(id)).toMatchObject({ isUnitMixed: false });
    await service.setColumns(id, columnRoles);
    const budget = await service.budget(id);
    expect(budget.isUnitMixed).toBe(true);
    expect(budget.epsilonSpent).toBeGreaterThan(0.9);
  });

  it('forecasts the next run from those that ended here', async () => {
    await service.eraseLedger();
    await service.clearFeatures();
    const id = await sampleProject(service);
    const plan = { ...(await proposedPlan(service, id)), epsilon: 0.5, steps: 40 };
    const run = listen();
    const { runId } = await service.startRun(id, plan, run.onMessage);
    await run.end;
    const { seconds } = (await service.results(id, runId)).run;
    const whileRead = (await service.forecast(id, plan)).seconds.central;
    await service.clearFeatures();
    // What a run has taught is written once its results are out.
    const outside = async () => {
      const { low, high } = (await service.forecast(id, plan)).seconds;
      // To a millionth: times are logarithms in between.
      return Math.max(low / seconds, seconds / high);
    };
    await expect.poll(outside, { timeout: 60_000 }).toBeLessThan(1 + 1e-6);
    // Of a run that finds its notes read, one that did not teaches nothing.
    expect(whileRead).not.toBe((await service.forecast(id, plan)).seconds.central);
  });
});
