import { isTiming, race, workerContender, type Outcome } from '../contenders.ts';
import { bundleSizes } from '../bundle-size.ts';
import type { Backend, WorkerOptions } from '../page/contract.ts';
import { miniLm, milliseconds, type Group, type GroupResult, type RowResult } from './row.ts';

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

/** Linear memory of one worker of the app, after its step. */
export const memory: Group = async ({ page, batch }): Promise<GroupResult> => {
  const contender = workerContender(page, 'memory', 'ours', miniLm('wasm', batch), 'step');
  const goalBytes = 64 * 2 ** 20;
  await contender.open();
  const { counts } = await contender.measure();
  await contender.close();
  const bytes = counts['memoryBytes'] ?? Infinity;
  const note = 'linear memory: weights, activations and gradients of the step; the file of the model is not in it';
  return { rows: [{ what: 'WASM memory per worker, after the step', goal: '64 MB at most', found: `${(bytes / 2 ** 20).toFixed(1)} MB`, isMet: bytes <= goalBytes, note }], outcomes: {}, details: { memoryBytes: bytes } };
};

/** Memory of a step of the largest model; its time is told beside it. */
export const bertBase: Group = async ({ page, batch }): Promise<GroupResult> => {
  const rows: RowResult[] = [];
  const outcomes: Record<string, Outcome> = {};
  const goals: Readonly<Record<Backend, number>> = { wasm: 1000, webgpu: 700 };
  for (const backend of ['wasm', 'webgpu'] as const) {
    const options: WorkerOptions = { backend, model: 'bert-base', work: { lengths: batch, loraLayers: null } };
    const contender = workerContender(page, `bert-base ${backend}`, 'ours', options, 'step');
    const what = `bert-base (12 x 768), LoRA step, ${batch.length} x ${batch[0]}: ${backend === 'wasm' ? 'WASM' : 'WebGPU'} memory`;
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
