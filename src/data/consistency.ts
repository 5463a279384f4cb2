import { comparableText } from './dataset.ts';
import type { ClassCount, Dataset } from './table.ts';

/** What a person may want to mend in their labels; nothing here is changed or set aside. */
export interface ConsistencyReport {
  /** Rows that share a text and carry different labels; the rows of the file, one list a text. */
  readonly conflicts: readonly (readonly number[])[];
  /** Labels that differ only in case, white space or punctuation, and so may be meant as one. */
  readonly labelVariants: readonly (readonly ClassCount[])[];
}

function labelKey(label: string): string {
  return label.normalize('NFKC').toLowerCase().replace(/[\s_\-.,:;/]+/g, ' ').trim();
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** Finds texts with two labels, and labels written in two ways. */
export function reportConsistency(dataset: Pick<Dataset, 'notes' | 'classes'>): ConsistencyReport {
  const sameTexts = groupBy(dataset.notes, ({ text }) => comparableText(text));
  return {
    conflicts: sameTexts.filter((notes) => new Set(notes.map(({ label }) => label)).size > 1).map((notes) => notes.map(({ row }) => row)),
    labelVariants: groupBy(dataset.classes, ({ label }) => labelKey(label)).filter((classes) => classes.length > 1),
  };
}
