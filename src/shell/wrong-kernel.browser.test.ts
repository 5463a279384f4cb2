import { unzipSync } from 'fflate';
import { afterAll, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject } from './testing/service-scenes.ts';
import wrongUrl from './testing/wrong-kernel.worker.ts?worker&url';

const Original = globalThis.Worker;
globalThis.Worker = class extends Original {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(options?.name === 'trainer' ? new URL(wrongUrl, document.baseURI) : url, options?.name === 'trainer' ? { ...options, name: 'trainer, wrong: wasm embed' } : options);
  }
};
const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 2 });
afterAll(async () => {
  await clearAll(service);
  globalThis.Worker = Original;
});

it('a kernel that only the model itself shows to be wrong is replaced before the first run, and the model card says which', { timeout: 300_000 }, async () => {
  // The small checks pass: they know 61 words, and the kernel is wrong for others.
  expect(await service.device()).toMatchObject({ backend: 'wasm', mismatch: null });
  const id = await sampleProject(service);
  const plan = await proposedPlan(service, id);
  // Forecasts need trainers, and trainers are held to the model.
  await service.forecast(id, plan);
  expect(await service.device()).toMatchObject({ backend: 'reference', reason: 'wasm-mismatch', mismatch: 'goldenOutputs', device: { workers: 1 } });

  const run = listen();
  const { runId } = await service.startRun(id, { ...plan, steps: 2 }, run.onMessage);
  expect((await run.end).kind).toBe('finished');
  const { run: summary } = await service.results(id, runId);
  expect(summary.checkedDevice).toEqual({ backend: 'reference', checksPassed: 0, hasGolden: false, refused: [{ backend: 'wasm', operation: 'goldenOutputs', layer: 0 }] });
  const files = unzipSync(new Uint8Array(await (await service.exportModel(id, runId)).value.arrayBuffer()));
  expect(new TextDecoder().decode(files['bedside-model/README.md'])).toContain('WebAssembly was refused: its outputs of the base model did not agree with plain arithmetic, from the embeddings on.');

  // Asked for, the check says so at once.
  const report = await service.selfCheck(() => undefined);
  expect(report).toMatchObject({ backend: 'reference', mismatch: 'goldenOutputs' });
  expect(report.checks.filter(({ passed }) => !passed)).toMatchObject([{ operation: 'goldenOutputs', layer: 0 }, { operation: 'goldenLosses' }, { operation: 'goldenGradients' }]);
});
