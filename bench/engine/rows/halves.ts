import { goldenGradientTolerance } from '../../../src/engine/golden-batch.ts';
import { plannedMemory } from '../../../src/engine/planned-memory.ts';
import { gradientsPass } from '../../../src/engine/passes.ts';
import { workerContender } from '../contenders.ts';
import { bertBase } from '../workload/models.ts';
import { adapterOf } from '../workload/step-work.ts';
import { milliseconds, type Group, type GroupResult } from './row.ts';

const kinds = ['halves', 'floats'] as const;

/**
 * bert-base, all of the batch in one micro-batch, its activations kept in binary16 and in float32: that the step runs whole, in the memory that was planned, and how
 * far its gradient is from that of float32. Unclipped sums are compared: the grid of clipped ones is coarser than the difference. One step each, without a warm-up.
 */
export const halves: Group = async ({ page, batch }): Promise<GroupResult> => {
  const tokens = batch.reduce((sum, length) => sum + length, 0);
  const size = `bert-base (12 x 768), LoRA step, ${batch.length} x ${batch[0]} in one micro-batch`;
  const contenders = kinds.map((kind) => workerContender(page, kind, 'ours', { backend: 'webgpu', model: 'bert-base', work: { lengths: batch, loraLayers: null }, variant: kind }, 'step-unclipped'));
  const measured: Record<string, { readonly device: string; readonly elapsedMs: number; readonly memoryBytes: number; readonly plannedBytes: number }> = {};
  for (const [index, contender] of contenders.entries()) {
    const device = await contender.open();
    const { elapsedMs, counts } = await contender.measure();
    const { totalBytes } = await plannedMemory({ backend: 'webgpu', shape: bertBase, adapter: adapterOf(bertBase, null), passes: [gradientsPass], bucket: { tokens, rows: batch.length }, keepsHalves: kinds[index] === 'halves' });
    measured[contender.id] = { device, elapsedMs, memoryBytes: counts['memoryBytes'] ?? Infinity, plannedBytes: totalBytes };
    console.log(`  ${contender.id}: ${milliseconds(elapsedMs)}, ${((counts['memoryBytes'] ?? NaN) / 1e6).toFixed(0)} MB of ${(totalBytes / 1e6).toFixed(0)} planned`);
  }
  const { relative } = await page.evaluate(() => bench.difference('halves', 'floats'));
  for (const contender of contenders) await contender.close();
  const [half, whole] = [measured['halves']!, measured['floats']!];
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return {
    rows: [
      {
        what: `WebGPU, ${size}, activations in halves: memory`, goal: '700 MB at most', isMet: half.memoryBytes <= 700e6,
        found: `${megabytes(half.memoryBytes)}, ${megabytes(half.plannedBytes)} planned (float32 ${megabytes(whole.memoryBytes)}, ${megabytes(whole.plannedBytes)} planned)`,
      },
      {
        what: `WebGPU, ${size}, activations in halves: gradient against float32`, goal: `${goldenGradientTolerance.toExponential(0)} of its length at most`, isMet: relative <= goldenGradientTolerance,
        found: `${relative.toExponential(1)} (steps of ${milliseconds(half.elapsedMs)} and ${milliseconds(whole.elapsedMs)})`,
      },
    ],
    outcomes: {},
    details: { ...measured, relative },
  };
};
