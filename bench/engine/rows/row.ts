import type { Page } from 'playwright';
import type { Outcome } from '../contenders.ts';
import type { Backend, WorkerOptions } from '../page/contract.ts';

/** One line of the table. */
export interface RowResult {
  readonly what: string;
  readonly goal: string;
  readonly found: string;
  /** Null where nothing can be claimed: a peer failed, or the machine was not idle. */
  readonly isMet: boolean | null;
  readonly note?: string;
}

export interface GroupResult {
  readonly rows: readonly RowResult[];
  /** All that was measured, for the file. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Context {
  readonly page: Page;
  readonly repeats: number;
  /** Tokens of each row of the batch: eight times 128, unless somebody only wants to see everything run. */
  readonly batch: readonly number[];
  /** Load of the machine before the bench began: more than half a core's work makes claims about two cores void. */
  readonly loadBefore: number;
}

/** A measurement of its own, by the name that `--only` takes. */
export type Group = (context: Context) => Promise<GroupResult>;

export const miniLm = (backend: Backend, lengths: readonly number[], loraLayers: readonly number[] | null = null, variant?: string): WorkerOptions => ({
  backend,
  model: 'minilm',
  work: { lengths, loraLayers },
  ...(variant === undefined ? {} : { variant }),
});

export const milliseconds = (value: number) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(0)} ms`);
export const times = (ratio: number) => `${ratio.toFixed(2)}x`;
