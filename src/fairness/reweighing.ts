import { invariant } from '../ground/check.ts';

/** Weights by group and class. */
export interface Reweighing {
  /** In code-unit order, as the classes are. */
  readonly groups: readonly string[];
  readonly classes: readonly string[];
  /** [groups][classes]; null where a group has no row of a class, which no weight can mend. */
  readonly factors: readonly (readonly (number | null)[])[];
  /** Of all rows: their number where each group has each class, less where one lacks one. */
  readonly sumOfWeights: number;
}

/**
 * Weights under which group and class are independent, w(g, y) = n_g n_y / (n n_gy). Exact counts: for the owner's eyes; no plan trains by them, for in a private run
 * the counts would have to be charged and the weighted gradients clipped after weighing. Source: Kamiran and Calders 2012, as AIF360 has it.
 */
export function reweighing(labels: readonly string[], groups: readonly string[]): Reweighing {
  invariant(labels.length === groups.length, 'a label and a group for each row');
  const count = (values: readonly string[]) => {
    const found = new Map<string, number>();
    for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
    return found;
  };
  const cell = (group: string, label: string) => JSON.stringify([group, label]);
  const [byGroup, byLabel, byCell] = [count(groups), count(labels), count(labels.map((label, row) => cell(groups[row]!, label)))];
  const [groupNames, classNames] = [[...byGroup.keys()].sort(), [...byLabel.keys()].sort()];
  let sumOfWeights = 0;
  const factors = groupNames.map((group) => classNames.map((label) => {
    const own = byCell.get(cell(group, label));
    if (own === undefined) return null;
    const expected = (byGroup.get(group)! * byLabel.get(label)!) / labels.length;
    sumOfWeights += expected;
    return expected / own;
  }));
  return { groups: groupNames, classes: classNames, factors, sumOfWeights };
}
