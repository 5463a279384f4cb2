/**
 * Thresholds by group that meet a fairness constraint with the best score (Hardt, Price and Srebro 2016, as fairlearn's ThresholdOptimizer has it). Its answers are
 * random, and it must be told each row's group when it predicts, which may be unlawful. Exact counts: for the owner's eyes. Nothing offers it today.
 */
import { checkInteger, checkProbability } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { accuracy, balancedAccuracy, calledByMistake, found, mixtureAt, selection, upperHull, type Mixture, type Rate, type ScoredRow } from './threshold-tradeoff.ts';

export type ParityOf = 'selection' | 'found' | 'called by mistake';
export type Objective = 'accuracy' | 'balanced accuracy';

export interface ThresholdSettings {
  /** Which rate the groups must share; equalized odds: that of rows found and that of rows called by mistake. */
  readonly constraint: ParityOf | 'equalized odds';
  readonly objective: Objective;
  /** Rates are multiples of one over it. */
  readonly gridSize: number;
  /** By how much the groups' rates may differ; 0 of equalized odds. */
  readonly tolerance: number;
}

/** A group's rule. With probability `ignored`, `constant` is the probability of a positive answer; else the mixture's thresholds decide. */
export interface GroupRule {
  readonly mixture: Mixture;
  readonly ignored: number;
  readonly constant: number;
}

export interface FairThresholds {
  readonly rules: ReadonlyMap<string, GroupRule>;
  /** What was made as large as it can be: the objective over all rows; of equalized odds the share of rows found, at the best objective. */
  readonly best: number;
}

export interface GroupedRow extends ScoredRow {
  readonly group: string;
}

const parityRates: Readonly<Record<ParityOf, Rate>> = { selection, found, 'called by mistake': calledByMistake };
const objectives: Readonly<Record<Objective, Rate>> = { accuracy, 'balanced accuracy': balancedAccuracy };

function rowsByGroup(rows: readonly GroupedRow[]): ReadonlyMap<string, readonly GroupedRow[]> {
  const unscored = rows.findIndex(({ score }) => Number.isNaN(score));
  if (unscored >= 0) throw new BedsideError('fairness/score', 'input', `Row ${unscored + 1} has no score.`, 'Leave out rows that the model cannot score.', { row: unscored + 1 });
  const groups = new Map<string, GroupedRow[]>();
  for (const row of rows) {
    const own = groups.get(row.group);
    if (own) own.push(row);
    else groups.set(row.group, [row]);
  }
  for (const [index, own] of [...groups.values()].entries()) {
    const positives = own.filter(({ isTrue }) => isTrue).length;
    if (positives > 0 && positives < own.length) continue;
    throw new BedsideError('fairness/one-class-group', 'input', `Group ${index + 1} of ${groups.size} has ${own.length} rows, all of one class: its rates are undefined.`, 'Merge it with another group, or leave it out.', { group: index + 1, groups: groups.size, rows: own.length });
  }
  return groups;
}

/** Position of the first of the largest values in [from, to], those that rounding tells apart taken for equal. */
function firstLargest(values: readonly number[], from = 0, to = values.length - 1): number {
  let best = from;
  for (let at = from + 1; at <= to; at++) if (values[at]! > values[best]! + 1e-12) best = at;
  return best;
}

function equalizedOdds(groups: ReadonlyMap<string, readonly GroupedRow[]>, rate: Rate, grid: readonly number[]): FairThresholds {
  const curves = new Map([...groups].map(([group, rows]) => {
    const hull = upperHull(rows, calledByMistake, found);
    return [group, grid.map((x) => mixtureAt(hull, x))];
  }));
  // What every group can reach; the groups above it are pulled down to it at random.
  const shared = grid.map((_, at) => Math.min(...[...curves.values()].map((curve) => curve[at]!.y)));
  const all = [...groups.values()].flat();
  const positives = all.filter(({ isTrue }) => isTrue).length;
  const negatives = all.length - positives;
  const best = firstLargest(grid.map((x, at) => rate({ truePositives: positives * shared[at]!, falsePositives: negatives * x, positives, negatives })));
  const constant = grid[best]!;
  return {
    best: shared[best]!,
    rules: new Map([...curves].map(([group, curve]) => {
      const mixture = curve[best]!;
      const above = mixture.y - shared[best]!;
      return [group, { mixture, ignored: above === 0 ? 0 : above / (mixture.y - constant), constant }];
    })),
  };
}

/**
 * The best rules under a constraint, over the grid of rates. Ties go to the smaller rate.
 * Throws `fairness/one-class-group` where a group has one class alone, `fairness/score` for a row without a score.
 */
export function fairThresholds(rows: readonly GroupedRow[], { constraint, objective, gridSize, tolerance }: ThresholdSettings): FairThresholds {
  checkInteger('grid size', gridSize, 1);
  checkProbability('tolerance', tolerance);
  const groups = rowsByGroup(rows);
  const rate = objectives[objective];
  const grid = Array.from({ length: gridSize + 1 }, (_, at) => at / gridSize);
  if (constraint === 'equalized odds') return equalizedOdds(groups, rate, grid);
  const curves = [...groups].map(([group, own]) => {
    const hull = upperHull(own, parityRates[constraint], rate);
    const curve = grid.map((x) => mixtureAt(hull, x));
    return { group, share: own.length / rows.length, curve, heights: curve.map(({ y }) => y) };
  });
  // Each group takes its best rate within a window as wide as the tolerance; the window is moved along.
  const width = Math.floor(tolerance * gridSize + 1e-9);
  const choices = grid.map((_, from) => curves.map(({ heights }) => firstLargest(heights, from, Math.min(from + width, gridSize))));
  const values = choices.map((chosen) => curves.reduce((sum, { share, heights }, index) => sum + share * heights[chosen[index]!]!, 0));
  const best = firstLargest(values);
  return { best: values[best]!, rules: new Map(curves.map(({ group, curve }, index) => [group, { mixture: curve[choices[best]![index]!]!, ignored: 0, constant: 0 }])) };
}

/** Probability that a rule answers positive. */
export function positiveProbability({ mixture: { share, first, second }, ignored, constant }: GroupRule, score: number): number {
  return ignored * constant + (1 - ignored) * (share * Number(score > first) + (1 - share) * Number(score > second));
}
