import { closeAll, isTiming, race, sameWorker, workerContender } from '../contenders.ts';
import { noteLengths } from '../workload/note-lengths.ts';
import { againstPeer } from './compare.ts';
import { miniLm, milliseconds, times, type Group, type GroupResult, type RowResult } from './row.ts';

/** The upper two layers over cached outputs of the lower four, which the trainer keeps from its first step on, against all six. */
export const topLayers: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const contenders = [
    workerContender(page, 'top 2 cached', 'ours', miniLm('wasm', batch, [4, 5]), 'step'),
    workerContender(page, 'all layers', 'ours', miniLm('wasm', batch), 'step'),
  ];
  const outcomes = await race(contenders, repeats);
  await closeAll(contenders);
  return { rows: [againstPeer('WASM: top 2 layers with cached prefix against all layers', outcomes.get('top 2 cached'), outcomes.get('all layers'), 2.5)], outcomes: Object.fromEntries(outcomes) };
};

/** Notes of their own lengths against the same number of 128 tokens: time should fall as tokens do. */
export const ragged: Group = async ({ page, repeats }): Promise<GroupResult> => {
  const padded = noteLengths.map(() => 128);
  const tokenRatio = noteLengths.reduce((sum, length) => sum + length, 0) / (128 * noteLengths.length);
  const own = workerContender(page, 'ragged step', 'ours', miniLm('wasm', noteLengths), 'step');
  const full = workerContender(page, 'padded step', 'ours', miniLm('wasm', padded), 'step');
  const contenders = [own, full, sameWorker(page, own, 'ragged forward', 'forward'), sameWorker(page, full, 'padded forward', 'forward')];
  const outcomes = await race(contenders, repeats);
  await closeAll(contenders);
  const row = (task: 'step' | 'forward'): RowResult => {
    const what = `WASM: ${noteLengths.length} notes of MTS-Dialog's lengths against padded to 128, ${task}`;
    const goal = `${tokenRatio.toFixed(3)} of the time, as of the tokens, within 10 %`;
    const [short, long] = [outcomes.get(`ragged ${task}`), outcomes.get(`padded ${task}`)];
    if (!isTiming(short) || !isTiming(long)) return { what, goal, found: 'not measured', isMet: null };
    const ratio = short.minimumMs / long.minimumMs;
    // Attention grows with the square of a length, so less than the token ratio is right too.
    return { what, goal, found: `${ratio.toFixed(3)} (${milliseconds(short.minimumMs)} to ${milliseconds(long.minimumMs)}; ${times(ratio / tokenRatio)} of the token ratio)`, isMet: ratio <= 1.1 * tokenRatio };
  };
  return { rows: [row('step'), row('forward')], outcomes: Object.fromEntries(outcomes) };
};
