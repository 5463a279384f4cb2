import { nodeKernels } from '../../../src/cli/node-engine.ts';
import { createEngine } from '../../../src/engine/bert.ts';
import { instantiateKernels } from '../../../src/engine/wasm/module.ts';
import { createWasmOperations, wasmMicroBatchTokens } from '../../../src/engine/wasm/wasm-operations.ts';
import { createTrainer } from '../../../src/training/in-process-trainer.ts';
import { tokenBatch } from '../../../src/training/row-batches.ts';
import { readModelFile } from '../build-page.ts';
import { loadModel } from '../workload/models.ts';
import { clipNorm, stepWork } from '../workload/step-work.ts';
import { summedGradients } from '../workers/around-operations.ts';
import { milliseconds, times, type RowResult } from './row.ts';

const turns = 8;

function processorMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const least = (values: readonly number[]) => Math.min(...values);
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The clipped step and the gradient of the whole batch taking turns in Node, by the time that the processor gave them: what else it did counts for neither. Half of the batch. */
export async function clipInProcessorTime(batch: readonly number[]): Promise<RowResult> {
  const { weights, tokenizer } = await loadModel('minilm', readModelFile);
  const { adapter, rows, labels, theta } = stepWork(weights.shape, tokenizer, { lengths: batch.slice(0, Math.ceil(batch.length / 2)), loraLayers: null });
  const operations = async () => createWasmOperations(await instantiateKernels(nodeKernels));
  const limits = { maximumTokens: wasmMicroBatchTokens };
  const engine = createEngine(await operations(), weights, limits);
  const trainer = createTrainer(engine);
  await trainer.configure(adapter);
  await trainer.assign(rows.map((ids, row) => ({ unit: row, rows: [{ ids, label: labels[row]! }] })), 'row');
  const all = rows.map((_, row) => row);
  const whole = createEngine(summedGradients(await operations()), weights, limits);
  whole.configure(adapter);
  const input = tokenBatch(rows);
  const [clippedMs, wholeMs]: [number[], number[]] = [[], []];
  for (let turn = 0; turn <= turns; turn++) {
    let before = process.cpuUsage();
    await trainer.loraGradientSum(theta, all, clipNorm);
    const clipped = processorMs(before);
    before = process.cpuUsage();
    whole.setParameters(theta);
    await whole.gradients(input, labels);
    const summed = processorMs(before);
    // The first turn compiles.
    if (turn === 0) continue;
    clippedMs.push(clipped);
    wholeMs.push(summed);
  }
  engine.dispose();
  whole.dispose();
  const ratio = least(clippedMs) / least(wholeMs);
  return {
    what: 'WASM in Node, in processor time: clipped step against the gradient of the whole batch', goal: '1.10x time at most', isMet: ratio <= 1.1,
    found: `${times(ratio)} (${milliseconds(least(clippedMs))} to ${milliseconds(least(wholeMs))}; medians ${times(median(clippedMs) / median(wholeMs))})`,
    note: `${engine.device}, ${rows.length} rows; time that other programs took is in neither`,
  };
}
