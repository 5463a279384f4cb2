import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import type { BedsideService } from './bedside.service.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

const workers = watchWorkers();
const open = () => createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 2 });

function kill(name: string): void {
  const last = workers.get(name)?.at(-1);
  if (!last) throw new Error(`no worker ${name} was started`);
  last.terminate();
}

/** What the checkpoint in storage has released, read behind the service's back. */
async function releasedSteps(runId: string): Promise<number> {
  const database = await openDB('bedside');
  const record: unknown = await database.get('checkpoints', runId);
  database.close();
  const isCheckpoint = (value: unknown): value is { checkpoint: { step: number } } => typeof value === 'object' && value !== null && 'checkpoint' in value;
  if (!isCheckpoint(record)) throw new Error('no checkpoint');
  return record.checkpoint.step;
}

async function chargedSteps(service: BedsideService, runId: string): Promise<number> {
  const { entries, isChainIntact } = await service.ledger();
  expect(isChainIntact).toBe(true);
  return entries.filter(({ event }) => event.kind === 'charge' && event.runId === runId && event.purpose === 'gradient').length;
}

describe('what dies during a run', () => {
  let service: BedsideService;
  beforeEach(() => {
    service = open();
  });
  afterEach(async () => {
    await clearAll(service);
  });

  async function startedRun(steps: number) {
    const id = await sampleProject(service);
    const plan = { ...(await proposedPlan(service, id)), epsilon: 1, steps };
    const run = listen();
    const { runId } = await service.startRun(id, plan, run.onMessage);
    await run.pastStep(3);
    return { id, run, runId };
  }

  it('a trainer, and the encoder is another one when the run is resumed: it is refused before a step is charged', async () => {
    const { id, run, runId } = await startedRun(240);
    kill('trainer');
    await run.end;
    const database = await openDB('bedside');
    await database.put('runs', { ...(await database.get('runs', runId)), encoderSha256: 'of another' });
    database.close();
    const charged = await chargedSteps(service, runId);
    const again = listen();
    await service.resumeRun(id, runId, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'failed', code: 'model/other-encoder' });
    expect(await chargedSteps(service, runId)).toBe(charged);
    expect((await service.openProject(id)).runs[0]).toMatchObject({ state: 'interrupted' });
  });

  it('a trainer: the run is interrupted with words, nothing released is uncharged, and it goes on from its checkpoint', async () => {
    const { id, run, runId } = await startedRun(240);
    kill('trainer');
    expect(await run.end).toMatchObject({ kind: 'failed', code: 'device/worker-died' });
    const [released, charged] = [await releasedSteps(runId), await chargedSteps(service, runId)];
    expect(released).toBeGreaterThan(0);
    expect(charged).toBeGreaterThanOrEqual(released);
    const [summary] = (await service.openProject(id)).runs;
    expect(summary).toMatchObject({ state: 'interrupted', hasModel: false });
    // A price is named where a step was charged whose outcome is not saved, and there alone.
    expect(summary!.resumeEpsilon! > 0).toBe(charged > released);

    const again = listen();
    await service.resumeRun(id, runId, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'finished' });
    expect((await service.openProject(id)).runs[0]).toMatchObject({ state: 'finished', stepsDone: 240 });
    // The interrupted step was charged again if it had been charged, and no step was left out.
    expect(await chargedSteps(service, runId)).toBe(charged + 240 - released);
  });

  it('the guard: the page is told, and the run can be resumed by another guard with other keys', async () => {
    const { id, run, runId } = await startedRun(240);
    kill('guard');
    expect(await run.end).toMatchObject({ kind: 'failed', code: 'device/worker-died' });
    const [released, charged] = [await releasedSteps(runId), await chargedSteps(service, runId)];
    expect(charged).toBeGreaterThanOrEqual(released);
    expect((await service.openProject(id)).runs[0]!.state).toBe('interrupted');
    const again = listen();
    await service.resumeRun(id, runId, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'finished' });
    expect(await chargedSteps(service, runId)).toBe(charged + 240 - released);
  });

  it('the tab: a new page finds the run interrupted and resumes it', async () => {
    const { id, runId } = await startedRun(240);
    for (const name of ['guard', 'trainer', 'table']) for (const worker of workers.get(name) ?? []) worker.terminate();
    service = open();
    const { runs } = await service.openProject(id);
    expect(runs[0]).toMatchObject({ id: runId, state: 'interrupted' });
    const again = listen();
    await service.resumeRun(id, runId, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'finished' });
    expect((await service.budget(id)).epsilonSpent).toBeGreaterThanOrEqual(1 - 1e-9);
  });

  it('nothing: a second tab may not train at the same time, and is told why', async () => {
    const { id, run, runId } = await startedRun(400);
    const second = open();
    await expect(second.startRun(id, await proposedPlan(second, id), () => undefined)).rejects.toMatchObject({ code: 'storage/other-tab', family: 'storage' });
    expect((await second.openProject(id)).runs[0]).toMatchObject({ id: runId, state: 'running' });
    const handle = service.resumeRun(id, runId, () => undefined);
    await expect(handle).rejects.toMatchObject({ code: 'storage/other-tab' });
    kill('trainer');
    kill('guard');
    await run.end.catch(() => undefined);
  });
});
