import { closeAll, isTiming, race, workerContender, type Outcome } from '../contenders.ts';
import { miniLm, milliseconds, times, type Group, type GroupResult, type RowResult } from './row.ts';

const ways = ['overlapping', 'apart'] as const;

/** What it brings that features of one micro-batch are read back while the next is computed: 2,048 tokens in one call, as the app reads notes, in long rows and in short ones. */
export const overlap: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const tokens = batch[0]!;
  const rows: RowResult[] = [];
  const all: Record<string, Outcome> = {};
  for (const length of [tokens, Math.max(4, tokens >> 3)]) {
    const lengths = new Array<number>((16 * tokens) / length).fill(length);
    const size = `${lengths.length} x ${length}`;
    const contenders = ways.map((way) => workerContender(page, `${size} ${way}`, 'overlap', miniLm('webgpu', lengths, null, way), 'encode'));
    const outcomes = await race(contenders, repeats);
    const [overlapping, apart] = contenders.map(({ id }) => outcomes.get(id));
    const what = `WebGPU features, ${size}: the next micro-batch before the last is read, against after`;
    const goal = 'none: it is to be shown';
    if (isTiming(overlapping) && isTiming(apart)) {
      const { relative } = await page.evaluate(([found, wanted]) => bench.difference(found, wanted), [contenders[0]!.id, contenders[1]!.id] as const);
      const found = `${times(apart.minimumMs / overlapping.minimumMs)} (${milliseconds(overlapping.minimumMs)} to ${milliseconds(apart.minimumMs)}; medians ${times(apart.medianMs / overlapping.medianMs)}); values ${relative === 0 ? 'equal' : `differ by ${relative.toExponential(1)}`}`;
      rows.push({ what, goal, found, isMet: null });
    } else rows.push({ what, goal, found: [overlapping, apart].map((outcome) => (outcome && !isTiming(outcome) ? outcome.error : '')).join(' ').trim() || 'not measured', isMet: null });
    await closeAll(contenders);
    Object.assign(all, Object.fromEntries(outcomes));
  }
  return { rows, outcomes: all };
};
