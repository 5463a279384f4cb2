import { isTiming, race, workerContender, type Outcome } from '../contenders.ts';
import { inLongest, type ModelName } from '../page/contract.ts';
import { milliseconds, times, type Group, type GroupResult, type RowResult } from './row.ts';
import { isSoftwareGpu } from './webgpu-step.ts';

const ways = ['unbounded', 'bounded', 'leaving room'] as const;
type Way = (typeof ways)[number];

/** What `src/shell/backend.ts` aims at. */
const aimMs: Readonly<Record<Exclude<Way, 'unbounded'>, number>> = { bounded: 50, 'leaving room': 10 };

interface Shape {
  readonly model: ModelName;
  readonly lengths: readonly number[];
  /** Most steps that are timed, beside the first. */
  readonly steps: number;
}

const rowsOf = (count: number, length: number) => new Array<number>(count).fill(length);

/** Few long rows, many short ones, several micro-batches, and the widest model; on a software renderer no more than it does in half a minute. */
const shapesOn = (isSoftware: boolean, tokens: number): readonly Shape[] => [
  { model: 'minilm', lengths: rowsOf(isSoftware ? 2 : 8, tokens), steps: 3 },
  { model: 'minilm', lengths: rowsOf(isSoftware ? 16 : 64, Math.max(4, tokens >> 3)), steps: 3 },
  { model: 'minilm', lengths: rowsOf(isSoftware ? 9 : 32, tokens), steps: 1 },
  { model: 'bert-base', lengths: rowsOf(isSoftware ? 1 : 8, isSoftware ? tokens >> 1 : tokens), steps: 1 },
];

const names: Readonly<Record<ModelName, string>> = { minilm: 'MiniLM', 'bert-base': 'bert-base' };

/** The kernels of the longest submission, as they were launched there. */
function kernelsIn(counts: Readonly<Record<string, number>>): string {
  const launches = Object.entries(counts).filter(([name]) => name.startsWith(inLongest));
  return launches.map(([name, count]) => `${count === 1 ? '' : `${count} x `}${name.slice(inLongest.length)}`).join(', ');
}

function lengthRow(size: string, way: Exclude<Way, 'unbounded'>, outcomes: ReadonlyMap<Way, Outcome>): RowResult {
  const what = `WebGPU, ${size}: longest submission of a step${way === 'bounded' ? '' : ', room left for other work'}`;
  const goal = `${aimMs[way]} ms aimed at`;
  const [found, free] = [outcomes.get(way), outcomes.get('unbounded')];
  if (!isTiming(found)) return { what, goal, found: found ? found.error : 'not measured', isMet: null };
  const longest = found.counts['ms longest submission'] ?? Infinity;
  const of = ({ counts }: { readonly counts: Readonly<Record<string, number>> }) => `median ${milliseconds(counts['ms median submission'] ?? NaN)} of ${counts['submissions'] ?? 0}`;
  const without = way === 'bounded' && isTiming(free) ? `; without a bound ${milliseconds(free.counts['ms longest submission'] ?? NaN)}, ${of(free)}` : '';
  return { what, goal, found: `${milliseconds(longest)} (${of(found)}${without})`, isMet: longest <= aimMs[way], note: `In the longest: ${kernelsIn(found.counts)}. Cut by the speed of the int8 product as it was when the device was opened. A software renderer shares its cores: what other programs take of them is in these times.` };
}

function costRow(what: string, goal: string, isMet: (ratio: number) => boolean | null, found: Outcome | undefined, base: Outcome | undefined): RowResult {
  if (!isTiming(found) || !isTiming(base)) return { what, goal, found: 'not measured', isMet: null };
  const ratio = found.minimumMs / base.minimumMs;
  const rested = found.counts['ms rested'] ?? 0;
  return { what, goal, found: `${times(ratio)} (${milliseconds(base.minimumMs)} to ${milliseconds(found.minimumMs)}${rested > 0 ? `, of the last step ${milliseconds(rested)} at rest` : ''})`, isMet: isMet(ratio) };
}

/** Lengths of submissions by timestamp queries, and what it costs to keep them short and to leave room for other work. */
export const submissions: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const rows: RowResult[] = [];
  const all: Record<string, Outcome> = {};
  for (const { model, lengths, steps } of shapesOn(await isSoftwareGpu(page), batch[0]!)) {
    const size = `${names[model]} ${lengths.length} x ${lengths[0]}`;
    const outcomes = new Map<Way, Outcome>();
    for (const way of ways) {
      // One device at a time: the memory of the chip is that of one trainer.
      const contender = workerContender(page, `${size} ${way}`, 'submissions', { backend: 'webgpu', model, work: { lengths, loraLayers: null }, variant: way }, 'step');
      const outcome = (await race([contender], Math.min(repeats, steps))).get(contender.id)!;
      await contender.close();
      console.log(`  ${contender.id}: ${isTiming(outcome) ? `${milliseconds(outcome.minimumMs)}, ${Object.entries(outcome.counts).filter(([name]) => !name.startsWith(inLongest)).map(([name, count]) => `${name} ${count.toFixed(0)}`).join(', ')}; in the longest ${kernelsIn(outcome.counts)}` : outcome.error}`);
      outcomes.set(way, outcome);
      all[contender.id] = outcome;
    }
    const [free, bounded, polite] = ways.map((way) => outcomes.get(way));
    rows.push(
      lengthRow(size, 'bounded', outcomes),
      lengthRow(size, 'leaving room', outcomes),
      costRow(`WebGPU, ${size}: a step with its submissions bounded, against none`, 'none: it is to be shown', () => null, bounded, free),
      costRow(`WebGPU, ${size}: a step with room left for other work, against none`, '2x the time, within 15 %', (ratio) => Math.abs(ratio / 2 - 1) <= 0.15, polite, bounded),
    );
  }
  return { rows, outcomes: all };
};
