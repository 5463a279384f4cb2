import type { Page } from 'playwright';
import { defaultLimits } from '../../../src/engine/bert.ts';
import { closeAll, isTiming, race, workerContender, type Outcome } from '../contenders.ts';
import { disagreement } from './agreement.ts';
import { againstPeer } from './compare.ts';
import { miniLm, type Group, type GroupResult, type RowResult } from './row.ts';

/** A renderer in software, where eight rows would take minutes a step. */
export function isSoftwareGpu(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const info = (await navigator.gpu?.requestAdapter())?.info;
    return info?.isFallbackAdapter === true || info?.architecture === 'swiftshader';
  });
}

function countRow(ours: Outcome | undefined, name: 'launches' | 'readBacks', what: string, goal: number): RowResult {
  const count = isTiming(ours) ? ours.counts[name] : undefined;
  return count === undefined ? { what, goal: `${goal} at most`, found: 'not measured', isMet: null } : { what, goal: `${goal} at most`, found: String(count), isMet: count <= goal };
}

/** Launches are of a micro-batch. */
const launchesNote = `A micro-batch has ${defaultLimits.maximumTokens} tokens at most, each takes as many launches, and the sum is read back once for all: of 8 rows of 128 there ${Math.ceil((8 * 128) / defaultLimits.maximumTokens) === 1 ? 'is 1' : `are ${Math.ceil((8 * 128) / defaultLimits.maximumTokens)}`}`;

/** The DP step on WebGPU, on one adapter, up to the clipped sum. */
export const webgpuStep: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const lengths = batch.slice(0, (await isSoftwareGpu(page)) ? 2 : 8);
  const contenders = [
    workerContender(page, 'ours', 'ours', miniLm('webgpu', lengths), 'step'),
    workerContender(page, 'tfjs-tape', 'tfjs', miniLm('webgpu', lengths, null, 'tape'), 'step'),
    workerContender(page, 'jax', 'jax', miniLm('webgpu', lengths), 'step'),
  ];
  const outcomes = await race(contenders, repeats);
  const ours = outcomes.get('ours');
  const refusal = async (id: string) => (isTiming(ours) && isTiming(outcomes.get(id)) ? disagreement(page, 'ours', id, lengths.length) : undefined);
  const size = `${lengths.length} x ${lengths[0]}`;
  const rows = [
    againstPeer(`WebGPU, ${size}: DP LoRA step against stock tfjs tape`, ours, outcomes.get('tfjs-tape'), 6, await refusal('tfjs-tape')),
    againstPeer(`WebGPU, ${size}: against jax-js`, ours, outcomes.get('jax'), 2, await refusal('jax')),
    { ...countRow(ours, 'launches', `WebGPU, ${size}: launches of a step`, 160), note: launchesNote },
    countRow(ours, 'readBacks', `WebGPU, ${size}: read-backs of a step`, 1),
  ];
  await closeAll(contenders);
  return { rows, outcomes: Object.fromEntries(outcomes) };
};
