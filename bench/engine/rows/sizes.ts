import { closeAll, isTiming, race, workerContender, type Contender, type Outcome } from '../contenders.ts';
import { bundleSizes } from '../bundle-size.ts';
import type { Backend, WorkerOptions } from '../page/contract.ts';
import { miniLm, milliseconds, type Group, type GroupResult, type RowResult } from './row.ts';
import { isSoftwareGpu } from './webgpu-step.ts';

/** The private head on cached features of Banking77's size. */
export const head: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const contender = workerContender(page, 'head', 'ours', miniLm('wasm', batch, null, 'head'), 'head');
  const outcomes = await race([contender], repeats);
  await contender.close();
  const outcome = outcomes.get('head');
  const what = 'Private head: 10,003 rows x 768 features, 77 classes, 50 full-batch steps, one core';
  const row: RowResult = isTiming(outcome)
    ? { what, goal: '10 s at most', found: milliseconds(outcome.minimumMs), isMet: outcome.minimumMs <= 10_000, note: 'clipped sums and steps on the integer grid; without the noise, which the guard draws' }
    : { what, goal: '10 s at most', found: outcome ? outcome.error : 'not measured', isMet: null };
  return { rows: [row], outcomes: Object.fromEntries(outcomes) };
};

/** Memory of a step of the largest model; its time is told beside it. On a software GPU four rows: memory follows the micro-batch of 512 tokens, not the batch. */
export const bertBase: Group = async ({ page, batch }): Promise<GroupResult> => {
  const isSoftware = await isSoftwareGpu(page);
  const rows: RowResult[] = [];
  const outcomes: Record<string, Outcome> = {};
  const goals: Readonly<Record<Backend, number>> = { wasm: 1000, webgpu: 700 };
  for (const backend of ['wasm', 'webgpu'] as const) {
    const lengths = batch.slice(0, backend === 'webgpu' && isSoftware ? 4 : 8);
    const options: WorkerOptions = { backend, model: 'bert-base', work: { lengths, loraLayers: null } };
    const contender = workerContender(page, `bert-base ${backend}`, 'ours', options, 'step');
    const what = `bert-base (12 x 768), LoRA step, ${lengths.length} x ${lengths[0]}: ${backend === 'wasm' ? 'WASM' : 'WebGPU'} memory`;
    const goal = `${goals[backend]} MB at most`;
    try {
      const device = await contender.open();
      const { elapsedMs, counts } = await contender.measure();
      const megabytes = (counts['memoryBytes'] ?? Infinity) / 1e6;
      rows.push({ what, goal, found: `${megabytes.toFixed(0)} MB; the step took ${milliseconds(elapsedMs)}`, isMet: megabytes <= goals[backend], note: 'random weights; one step, without a warm-up' });
      outcomes[contender.id] = { device, firstMs: elapsedMs, timesMs: [elapsedMs], minimumMs: elapsedMs, medianMs: elapsedMs, counts };
    } catch (error) {
      rows.push({ what, goal, found: error instanceof Error ? error.message.split('\n')[0]! : String(error), isMet: null });
    }
    await contender.close();
  }
  return { rows, outcomes };
};

export const bundle: Group = async (): Promise<GroupResult> => {
  const sizes = await bundleSizes();
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;
  return {
    rows: [
      { what: 'Engine + kernels, minified, gzipped', goal: '25 KB at most', found: kilobytes(sizes.wasmBytes), isMet: sizes.wasmBytes <= 25_000 },
      { what: 'Engine + kernels with the WebGPU runtime, minified, gzipped', goal: '170 KB at most', found: kilobytes(sizes.webgpuBytes), isMet: sizes.webgpuBytes <= 170_000 },
    ],
    outcomes: {},
    details: sizes.files,
  };
};

/** From a new worker to the first embedding, the model in Cache Storage; the app's own code. */
export const cold: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const starts = (backend: Backend): Contender => ({
    id: `cold ${backend}`,
    open: async () => backend,
    // A new worker each time; its clock starts with it.
    measure: () => page.evaluate(async ([name, options]) => {
      await bench.open(name, 'cold', options);
      const figures = await bench.measure(name, 'cold');
      bench.close(name);
      return figures;
    }, [`cold ${backend}`, miniLm(backend, batch)] as const),
    close: async () => undefined,
  });
  const contenders = [starts('wasm'), starts('webgpu')];
  const outcomes = await race(contenders, repeats);
  await closeAll(contenders);
  const row = (backend: Backend, goalMs: number): RowResult => {
    const outcome = outcomes.get(`cold ${backend}`);
    const what = `Cold start to first embedding, model cached: ${backend === 'wasm' ? 'WASM' : 'WebGPU'}`;
    const goal = `${goalMs / 1000} s at most`;
    if (!isTiming(outcome)) return { what, goal, found: outcome ? outcome.error : 'not measured', isMet: null };
    return { what, goal, found: `${milliseconds(outcome.minimumMs)} (median ${milliseconds(outcome.medianMs)})`, isMet: outcome.minimumMs <= goalMs, note: 'a worker that starts, reads the model from Cache Storage, checks its hash, and encodes a note; no self-check' };
  };
  return { rows: [row('wasm', 1500), row('webgpu', 3000)], outcomes: Object.fromEntries(outcomes) };
};
