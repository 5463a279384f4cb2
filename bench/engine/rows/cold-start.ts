import { closeAll, isTiming, race, type Contender, type Outcome } from '../contenders.ts';
import type { Backend } from '../page/contract.ts';
import { miniLm, milliseconds, type Group, type GroupResult, type RowResult } from './row.ts';

const backends = { wasm: 'WASM', webgpu: 'WebGPU' } as const;
const goalsMs: Readonly<Record<Backend, number>> = { wasm: 1500, webgpu: 3000 };
/** What the worker does on its way: see `../workers/cold.worker.ts`. */
const variants = {
  checked: 'kernels against plain arithmetic first, as the app does, and the golden batch before the note',
  bare: 'no check of any kernel',
} as const;
type Variant = keyof typeof variants;

/** Of checking the model's known answers before any note is read. */
const goldenGoalMs = 200;
const goldenPart = 'golden batch';

/** Where the time went, in the order in which it was spent. */
function partsOf(outcome: Outcome | undefined): string {
  return isTiming(outcome) ? Object.entries(outcome.counts).map(([part, ms]) => `${part} ${milliseconds(ms)}`).join(', ') : '';
}

/** From a new worker to the first embedding, the model in Cache Storage; the app's own code. */
export const cold: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  /** Of every start but the first, which warms the browser up: what its golden batch took. */
  const goldenMs: Record<Backend, number[]> = { wasm: [], webgpu: [] };
  const idOf = (backend: Backend, variant: Variant) => `cold ${backend} ${variant}`;
  const starts = (backend: Backend, variant: Variant): Contender => ({
    id: idOf(backend, variant),
    open: async () => backend,
    // A new worker each time; its clock starts with it.
    measure: async () => {
      const figures = await page.evaluate(async ([name, options]) => {
        await bench.open(name, 'cold', options);
        const found = await bench.measure(name, 'cold');
        bench.close(name);
        return found;
      }, [idOf(backend, variant), miniLm(backend, batch, null, variant)] as const);
      const spentMs = figures.counts[goldenPart];
      if (spentMs !== undefined) goldenMs[backend].push(spentMs);
      return figures;
    },
    close: async () => undefined,
  });
  const contenders = (['wasm', 'webgpu'] as const).flatMap((backend) => (['checked', 'bare'] as const).map((variant) => ({ backend, variant, contender: starts(backend, variant) })));
  const outcomes = await race(contenders.map(({ contender }) => contender), repeats);
  await closeAll(contenders.map(({ contender }) => contender));
  const rows = contenders.map(({ backend, variant, contender }): RowResult => {
    const outcome = outcomes.get(contender.id);
    const what = `Cold start to first embedding, model cached: ${backends[backend]}, ${variants[variant]}`;
    const goal = `${goalsMs[backend] / 1000} s at most`;
    if (!isTiming(outcome)) return { what, goal, found: outcome ? outcome.error : 'not measured', isMet: null };
    return { what, goal, found: `${milliseconds(outcome.minimumMs)} (median ${milliseconds(outcome.medianMs)})`, isMet: outcome.minimumMs <= goalsMs[backend], note: `of the last start: ${partsOf(outcome)}` };
  });
  const goldenRows = (['wasm', 'webgpu'] as const).map((backend): RowResult => {
    const spentMs = goldenMs[backend].slice(1).toSorted((a, b) => a - b);
    const what = `Of a cold start, the model's golden batch: ${backends[backend]}`;
    const goal = `${goldenGoalMs} ms at most`;
    if (spentMs.length === 0) return { what, goal, found: 'not measured', isMet: null };
    return { what, goal, found: `${milliseconds(spentMs[0]!)} (median ${milliseconds(spentMs[spentMs.length >> 1]!)})`, isMet: spentMs[0]! <= goldenGoalMs, note: 'Kernels of the sizes of the model compile within it, for which the first step would wait else.' };
  });
  return { rows: [...rows, ...goldenRows], outcomes: Object.fromEntries(outcomes), details: { goldenMs } };
};
