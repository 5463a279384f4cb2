import type { Page } from 'playwright';
import type { Figures, Task, WorkerKind, WorkerOptions } from './page/contract.ts';

/** One engine in a race: in the page's worker, or a process of its own. */
export interface Contender {
  readonly id: string;
  /** Loads it; answers with the device in words. */
  open(): Promise<string>;
  measure(): Promise<Figures>;
  close(): Promise<void>;
}

export interface Timing {
  readonly device: string;
  readonly minimumMs: number;
  readonly medianMs: number;
  /** Repeats in order, without the warm-up. */
  readonly timesMs: readonly number[];
  /** The first call, which compiles. */
  readonly firstMs: number;
  /** Of the last call. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface Failure {
  readonly error: string;
}

export type Outcome = Timing | Failure;

export const isTiming = (outcome: Outcome | undefined): outcome is Timing => outcome !== undefined && 'minimumMs' in outcome;

/** An engine that is slow gets no further repeats after this long; it always has one beside its warm-up. */
const patienceMs = 180_000;

const inOneLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/^page\.evaluate: (Error: )?/, '').slice(0, 300);

export function workerContender(page: Page, id: string, kind: WorkerKind, options: WorkerOptions, task: Task): Contender {
  return {
    id,
    open: () => page.evaluate(([name, what, how]) => bench.open(name, what, how), [id, kind, options] as const),
    measure: () => page.evaluate(([name, what]) => bench.measure(name, what), [id, task] as const),
    close: () => page.evaluate((name) => bench.close(name), id),
  };
}

/** A second task of a worker that another contender opens and closes. */
export function sameWorker(page: Page, worker: Contender, id: string, task: Task): Contender {
  return {
    id,
    open: async () => '',
    measure: () => page.evaluate(([name, what]) => bench.measure(name, what), [worker.id, task] as const),
    close: async () => undefined,
  };
}

/** Opens all, warms each up once, then lets them take turns; whoever fails leaves the race with its error, and the others go on. */
export async function race(contenders: readonly Contender[], repeats: number): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const running = new Map<string, { readonly contender: Contender; readonly device: string; firstMs: number; readonly timesMs: number[]; counts: Readonly<Record<string, number>> }>();
  const attempt = async (id: string, run: () => Promise<void>) => {
    try {
      await run();
    } catch (error) {
      running.delete(id);
      outcomes.set(id, { error: inOneLine(error) });
      console.log(`  ${id}: ${inOneLine(error)}`);
    }
  };
  for (const contender of contenders) {
    await attempt(contender.id, async () => {
      const device = await contender.open();
      const { elapsedMs, counts } = await contender.measure();
      running.set(contender.id, { contender, device, firstMs: elapsedMs, timesMs: [], counts });
    });
  }
  for (let turn = 0; turn < repeats; turn++) {
    for (const [id, entry] of [...running]) {
      if (turn > 0 && entry.timesMs.reduce((sum, time) => sum + time, 0) > patienceMs) continue;
      await attempt(id, async () => {
        const { elapsedMs, counts } = await entry.contender.measure();
        entry.timesMs.push(elapsedMs);
        entry.counts = counts;
      });
    }
  }
  for (const [id, { device, firstMs, timesMs, counts }] of running) {
    const sorted = [...timesMs].sort((a, b) => a - b);
    outcomes.set(id, { device, firstMs, timesMs, counts, minimumMs: sorted[0]!, medianMs: sorted[Math.floor(sorted.length / 2)]! });
  }
  return outcomes;
}

export async function closeAll(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) await contender.close().catch(() => undefined);
}
