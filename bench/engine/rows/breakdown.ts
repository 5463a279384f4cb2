import { workerContender, type Outcome } from '../contenders.ts';
import { miniLm, milliseconds, type Group, type GroupResult } from './row.ts';
import { isSoftwareGpu } from './webgpu-step.ts';

/**
 * Where one step's time goes, by operation. WASM: the clock around each; WebGPU: timestamp queries around each launch, which run one at a time for it.
 * What no operation takes is the trainer's: copies between memories.
 */
export const breakdown: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const details: Record<string, unknown> = {};
  const outcomes: Record<string, Outcome> = {};
  for (const backend of ['wasm', 'webgpu'] as const) {
    const lengths = backend === 'webgpu' && (await isSoftwareGpu(page)) ? batch.slice(0, 2) : batch;
    const contender = workerContender(page, `breakdown ${backend}`, 'ours', miniLm(backend, lengths, null, 'timed'), 'breakdown');
    try {
      const device = await contender.open();
      await contender.measure();
      let best = await contender.measure();
      for (let turn = 1; turn < repeats; turn++) {
        const next = await contender.measure();
        if (next.elapsedMs < best.elapsedMs) best = next;
      }
      const shares = Object.entries(best.counts).filter(([name]) => name.startsWith('ms ')).map(([name, ms]) => [name.slice(3), ms] as const).sort((a, b) => b[1] - a[1]);
      const known = shares.reduce((sum, [, ms]) => sum + ms, 0);
      console.log(`  One step on ${device}, ${lengths.length} x ${lengths[0]}: ${milliseconds(best.elapsedMs)}, of it in operations ${milliseconds(known)}`);
      for (const [name, ms] of shares) console.log(`    ${name.padEnd(32)} ${ms.toFixed(1).padStart(9)} ms ${((100 * ms) / known).toFixed(1).padStart(5)} %`);
      details[backend] = { device, rows: lengths.length, elapsedMs: best.elapsedMs, operationsMs: Object.fromEntries(shares) };
    } catch (error) {
      console.log(`  breakdown on ${backend}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
    await contender.close();
  }
  return { rows: [], outcomes, details };
};
