import { availableParallelism } from 'node:os';
import { busyFraction } from '../../../src/energy/busy-fraction.ts';
import { estimateEnergyWh } from '../../../src/energy/estimate.ts';
import { closeAll, isTiming, race, sameWorker, workerContender, type Outcome } from '../contenders.ts';
import { miniLm, type Group, type GroupResult, type RowResult } from './row.ts';
import { isSoftwareGpu } from './webgpu-step.ts';

const notes = 1000;
const short = (value: number) => String(Number(value.toPrecision(2)));
const tasks = [['forward', 'read once'], ['step', 'passed once by private steps of adapters']] as const;

/**
 * Energy of 1,000 notes by the product's own estimator: the least time, as in every row, on a machine of which nothing is known, as Settings have it until somebody says more.
 * A software renderer of WebGPU works on every core, so that its share is that of a graphics chip: all.
 */
export const energy: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const isSoftware = await isSoftwareGpu(page);
  const rows: RowResult[] = [];
  const all: Record<string, Outcome> = {};
  const details: Record<string, unknown> = {};
  for (const backend of ['wasm', 'webgpu'] as const) {
    const isGpu = backend === 'webgpu';
    const lengths = isGpu && isSoftware ? batch.slice(0, 2) : batch;
    const worker = workerContender(page, `energy ${backend} forward`, 'ours', miniLm(backend, lengths), 'forward');
    const contenders = [worker, sameWorker(page, worker, `energy ${backend} step`, 'step')];
    const outcomes = await race(contenders, repeats);
    await closeAll(contenders);
    const share = busyFraction(isGpu, 1, availableParallelism());
    for (const [task, words] of tasks) {
      const id = `energy ${backend} ${task}`;
      const outcome = outcomes.get(id);
      if (outcome) all[id] = outcome;
      const what = `${isGpu ? `WebGPU${isSoftware ? ', software renderer' : ''}` : 'WASM, 1 worker'}: energy of 1,000 notes of ${lengths[0]} word pieces, ${words}`;
      const goal = 'none: it is to be shown';
      if (!isTiming(outcome)) {
        rows.push({ what, goal, found: outcome ? outcome.error : 'not measured', isMet: null });
        continue;
      }
      const seconds = (notes / lengths.length) * (outcome.minimumMs / 1000);
      const estimate = estimateEnergyWh({ kind: 'class', deviceClass: 'unknown' }, [{ seconds, busyFraction: share }]);
      details[id] = { seconds, busyFraction: share, energyWh: estimate };
      rows.push({ what, goal, found: `${short(estimate.central)} Wh, likely ${short(estimate.low)} to ${short(estimate.high)}`, isMet: null, note: `${seconds.toFixed(0)} s with ${(100 * share).toFixed(0)} % of the machine busy, kind of machine not known` });
    }
  }
  return { rows, outcomes: all, details };
};
