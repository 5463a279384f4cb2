import type { PrivacyUnit } from '../privacy/events.ts';

/**
 * All that the mechanisms of a private run are chosen by, beside the plan. Public, and listed so by the statement; whatever else of the rows
 * has a say comes through a charged release. Zero-out adjacency: a neighbour's unit contributes nothing, and is still counted.
 */
export interface PublicFacts {
  readonly unit: PrivacyUnit;
  readonly trainingUnits: number;
  readonly classes: number;
}

/**
 * What a run's card and statement say of its data, written down when the run begins: the notes and their columns may change while it goes on and after it.
 * Public facts alone.
 */
export interface RunFacts {
  readonly trainingRows: number;
  readonly trainingUnits: number;
  readonly heldOutUnits: number;
  readonly labels: readonly string[];
  /** The built-in sample, which is about nobody. */
  readonly isSynthetic: boolean;
  /** Of Bedside, as it was when the run began. */
  readonly codeVersion: string;
}

/** Whether two runs' data look the same from outside: a run that is resumed must find what it began with. */
export function isSameData(a: RunFacts, b: RunFacts): boolean {
  return a.trainingRows === b.trainingRows && a.trainingUnits === b.trainingUnits && a.heldOutUnits === b.heldOutUnits && a.labels.length === b.labels.length && a.labels.every((label, index) => label === b.labels[index]);
}
