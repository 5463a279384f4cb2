import { afterAll, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import type { AuditProgress } from './bedside.service.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject } from './testing/service-scenes.ts';

const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 2 });

afterAll(async () => {
  await clearAll(service);
});

describe('the attack lab, over real workers and the nano model', () => {
  it('attacks the sample, charges nothing and keeps nothing; meanwhile no run starts, and none is left', async () => {
    const id = await sampleProject(service);
    const before = (await service.ledger()).entries.length;
    const told: AuditProgress[] = [];
    const plan = await proposedPlan(service, id);
    const attack = service.audit(id, { epsilon: 2 }, (progress) => told.push(progress), new AbortController().signal);
    await expect.poll(() => told.length, { timeout: 60_000 }).toBeGreaterThan(0);
    await expect(service.startRun(id, plan, listen().onMessage)).rejects.toMatchObject({ code: 'storage/other-tab' });
    await expect(service.chooseBackend('wasm')).rejects.toMatchObject({ code: 'device/busy' });
    const report = await attack;
    expect(report).toMatchObject({ unit: 'person', epsilon: 2, membershipRuns: 8, canaryRuns: 4 });
    expect(report.units).toBe(report.allUnits);
    expect(report.private.canary.epsilonAtLeast).toBeLessThanOrEqual(2);
    expect(report.private.calibrated.area).toBeGreaterThan(0.4);
    expect(told.at(-1)).toEqual({ phase: 'attacking', done: 26, total: 26 });
    expect((await service.ledger()).entries.length).toBe(before);
    expect((await service.openProject(id)).runs).toEqual([]);
  }, 240_000);

  it('attacks adapters by the settings of a run, says beforehand how long it takes, and stands still in a pause', async () => {
    const id = await sampleProject(service);
    const { alternatives } = await service.proposePlan(id);
    const options = { epsilon: 2, kind: 'adapters', like: { ...alternatives['dp-sgd'], steps: 3 } } as const;
    const forecast = await service.auditForecast(id, options);
    expect(forecast.models).toBe(16);
    expect(forecast.seconds.central).toBeGreaterThan(0);
    expect(forecast.seconds.low).toBeLessThan(forecast.seconds.high);
    const before = (await service.ledger()).entries.length;
    const told: AuditProgress[] = [];
    const attack = service.audit(id, options, (progress) => told.push(progress), new AbortController().signal);
    await expect.poll(() => told.length, { timeout: 60_000 }).toBeGreaterThan(0);
    await service.pauseAudit(true);
    const isStill = async () => {
      const heard = told.length;
      await new Promise((done) => setTimeout(done, 1500));
      return told.length === heard;
    };
    // A step or two may be on their way; then nothing moves.
    await expect.poll(isStill, { timeout: 60_000 }).toBe(true);
    expect(await isStill()).toBe(true);
    await service.pauseAudit(false);
    const report = await attack;
    expect(report).toMatchObject({ kind: 'adapters', unit: 'person', epsilon: 2, units: forecast.units, allUnits: forecast.allUnits, membershipRuns: 4, canaryRuns: 4, unitsBesideCanaries: 8 });
    expect(report.private.canary).toMatchObject({ canaries: 512, guesses: 154 });
    expect(report.private.canary.epsilonAtLeast).toBeLessThanOrEqual(2);
    expect(told.at(-1)).toMatchObject({ phase: 'attacking', done: 16, total: 16, share: 1 });
    expect((await service.ledger()).entries.length).toBe(before);
    expect((await service.openProject(id)).runs).toEqual([]);
  }, 400_000);

  it('ends when it is cancelled, and is free again', async () => {
    const id = await sampleProject(service);
    const abort = new AbortController();
    const attack = service.audit(id, { epsilon: 2 }, ({ phase }) => phase === 'attacking' && abort.abort(), abort.signal);
    await expect(attack).rejects.toMatchObject({ code: 'cancelled' });
    // The worker lets go at its next turn.
    const run = listen();
    await expect.poll(async () => service.startRun(id, { ...(await proposedPlan(service, id)), steps: 2 }, run.onMessage).then(() => 'started', () => 'waiting'), { timeout: 30_000 }).toBe('started');
    expect(await run.end).toMatchObject({ kind: 'finished' });
    await expect(service.audit(id, { epsilon: 0 }, () => undefined, new AbortController().signal)).rejects.toMatchObject({ code: 'settings/out-of-range' });
  }, 240_000);
});
