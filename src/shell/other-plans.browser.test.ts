import { afterAll, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import type { LoraSettings, Plan } from '../training/plan.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

watchWorkers();
const nano = { name: nanoName, folder: '' };
const lora: LoraSettings = { rank: 2, alpha: 4, targets: ['query', 'value'], layers: [0, 1] };
const common = { maximumLength: 32, unit: 'person', heldOutShare: 0.2, seed: 1 } as const;

describe('every way of training, through the service', () => {
  const service = createBedside({ encoder: nano, backend: 'wasm', workers: 2 });
  afterAll(() => clearAll(service));

  it.each<[Plan['kind'], Plan]>([
    ['label-sentences', { kind: 'label-sentences', ...common }],
    ['plain-head', { kind: 'plain-head', ...common, epochs: 2, batchSize: 64, learningRate: 0.01, weightDecay: 0 }],
    ['plain-lora', { kind: 'plain-lora', ...common, epochs: 1, batchSize: 64, learningRate: 0.001, weightDecay: 0, lora }],
    ['dp-sgd', { kind: 'dp-sgd', ...common, epsilon: 2, delta: 1e-5, steps: 6, expectedBatchSize: 40, clipNorm: 0.5, learningRate: 0.005, lora, validationEpsilon: null }],
  ])('%s trains, classifies and leaves as a folder', async (kind, plan) => {
    const id = await sampleProject(service);
    const forecast = await service.forecast(id, plan);
    expect(forecast.seconds.high).toBeGreaterThan(forecast.seconds.low);
    expect(forecast.statement.isPrivate).toBe(kind === 'dp-sgd');
    const charges = async () => (await service.ledger()).entries.filter(({ event }) => event.kind === 'charge').length;
    const before = await charges();
    const run = listen();
    const { runId } = await service.startRun(id, plan, run.onMessage);
    expect(await run.end).toMatchObject({ kind: 'finished' });
    expect((await charges()) - before).toBe(kind === 'dp-sgd' ? 6 : 0);
    const { labels, classification } = await service.results(id, runId);
    expect(classification.accuracy.total).toBeGreaterThan(50);
    expect(labels).toContain((await service.classify(id, runId, 'chest pain')).label);
    expect((await service.exportModel(id, runId)).value.size).toBeGreaterThan(500);
    await service.deleteProject(id);
  });

  it('refuses to take the device away from a run', async () => {
    const id = await sampleProject(service);
    const run = listen();
    const handle = await service.startRun(id, { ...(await proposedPlan(service, id)), epsilon: 1, steps: 300 }, run.onMessage);
    await expect(service.chooseBackend('wasm')).rejects.toMatchObject({ code: 'device/busy', family: 'device' });
    await expect(service.selfCheck(() => undefined)).rejects.toMatchObject({ code: 'device/busy' });
    await handle.stop();
    await run.end;
    expect((await service.selfCheck(() => undefined)).backend).toBe('wasm');
  });
});

describe('a run on WebGPU', () => {
  const service = createBedside({ encoder: nano, backend: 'webgpu', workers: 1 });
  afterAll(() => clearAll(service));

  it('trains with the nano model, and says on what', async ({ skip }) => {
    const report = await service.device();
    if (report.reason === 'no-webgpu') skip('no WebGPU');
    expect(report).toMatchObject({ backend: 'webgpu', reason: 'chosen', mismatch: null });
    const id = await sampleProject(service);
    const run = listen();
    const plan = { ...(await proposedPlan(service, id)), epsilon: 1, steps: 4, maximumLength: 32 };
    await service.startRun(id, plan, run.onMessage);
    expect(await run.end).toMatchObject({ kind: 'finished' });
    const last = run.messages.findLast((message) => message.kind === 'progress');
    expect(last?.kind === 'progress' && last.progress.device).toMatchObject({ name: expect.stringContaining('WebGPU'), workers: 1 });
  });
});
