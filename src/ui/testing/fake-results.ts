import type { GroupGap, GroupRate, GroupReport } from '../../fairness/group-report.ts';
import type { ClassScore, Proportion } from '../../metrics/classification.ts';
import type { RunResults, RunSummary } from '../../shell/bedside.service.ts';
import { completedStatement, type PrivacyStatement } from '../../privacy/statement.ts';
import { fakeLabels } from './fake-data.ts';

/** Wilson's 95 % interval, so that the invented counts carry true intervals. */
export function proportion(count: number, total: number): Proportion {
  if (total === 0) return { count, total, value: null, low: 0, high: 1 };
  const z = 1.959964;
  const p = count / total;
  const centre = (p + (z * z) / (2 * total)) / (1 + (z * z) / total);
  const half = (z / (1 + (z * z) / total)) * Math.sqrt((p * (1 - p)) / total + (z * z) / (4 * total * total));
  return { count, total, value: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

const confusion = [[317, 41, 6, 17], [33, 441, 29, 3], [8, 33, 186, 1], [24, 5, 0, 94]];

function score(index: number): ClassScore {
  const row = confusion[index]!;
  const support = row.reduce((sum, value) => sum + value, 0);
  const predicted = confusion.reduce((sum, other) => sum + other[index]!, 0);
  const hits = row[index]!;
  const [precision, recall] = [hits / predicted, hits / support];
  const f1 = (2 * precision * recall) / (precision + recall);
  const half = 1 / Math.sqrt(support);
  return { label: fakeLabels[index]!, support, predicted, precision, recall, f1, precisionInterval: proportion(hits, predicted), recallInterval: proportion(hits, support), f1Low: Math.max(0, f1 - half), f1High: Math.min(1, f1 + half * 0.9) };
}

const rate = (group: string, hits: number, total: number, count = total): GroupRate => {
  const { value, low, high } = proportion(hits, total);
  return { group, count, total, hits, value, low, high, isSuppressed: count < 10 || (total > 0 && total < 5) };
};
const gap = (value: number | null, low: number | null, high: number | null, between: readonly [string, string] | null): GroupGap => ({ value, low, high, method: 'newcombe', between, comparisons: 8 });

function group(column: string, rows: readonly (readonly [name: string, hits: number, total: number])[], difference: GroupGap): GroupReport {
  const accuracy = rows.map(([name, hits, total]) => rate(name, hits, total));
  return {
    column,
    accuracy,
    accuracyGap: difference,
    classes: fakeLabels.map((label, index) => ({
      label,
      selectionRate: rows.map(([name, , total]) => rate(name, Math.round(total * (0.1 + 0.08 * index)), total)),
      truePositiveRate: rows.map(([name, hits, total]) => (total < 12 ? rate(name, 0, 0, total) : rate(name, Math.round((hits / total) * total * 0.11), Math.round(total * 0.13), total))),
      falsePositiveRate: rows.map(([name, , total]) => rate(name, Math.round(total * 0.05), Math.round(total * 0.87), total)),
      demographicParityDifference: gap(0.04, -0.02, 0.1, difference.between),
      equalizedOddsDifference: gap(0.12, 0.02, 0.29, difference.between),
    })),
  };
}

type Private = Extract<PrivacyStatement, { isPrivate: true }>;

/** A statement with other facts, and what follows from them. */
export function statementWith(change: Partial<Private>): PrivacyStatement {
  return completedStatement({ ...privateStatement, ...change });
}

const privateStatement: Omit<Private, 'lines' | 'guessingBound' | 'foundAtOnePercent'> = {
  isPrivate: true, epsilon: 2.49, delta: 1e-5, unit: 'person', adjacency: 'zero-out', epsilonReplaceOne: 5.43, accountant: 'exact-gaussian', accountantSettings: 'analytic Gaussian', settings: { accountant: 'exact-gaussian' }, sampling: 'full-batch', samplingRate: 1,
  noiseMultiplier: 13.9, steps: 50, clipNorm: 0.3, mu: 0.561,
  releases: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 4.36 }, count: 1 }, { mechanism: { kind: 'gaussian', noiseMultiplier: 13.9 }, count: 50 }], validation: { part: 'held-out', epsilon: 1 },
  publicFacts: ['row-count', 'person-count', 'labels', 'label-sentences', 'encoder', 'maximum-length', 'split-rule', 'settings'], notCovered: ['hyper-parameters', 'preprocessing', 'held-out-scores', 'held-out-people'], isSecureNoise: true,
};

export function fakeResults(run: RunSummary, statement: PrivacyStatement): RunResults {
  const total = confusion.flat().reduce((sum, value) => sum + value, 0);
  const hits = confusion.reduce((sum, row, index) => sum + row[index]!, 0);
  const classes = fakeLabels.map((_, index) => score(index));
  const bins = [[0.25, 0, 0], [0.35, 0.41, 29], [0.45, 0.44, 61], [0.55, 0.5, 116], [0.65, 0.62, 141], [0.75, 0.71, 165], [0.86, 0.85, 206], [0.96, 0.98, 520]].map(([says, right, count]) => {
    const { low, high } = proportion(Math.round(right! * count!), count!);
    return { low: says! - 0.05, high: says! + 0.05, count: count!, meanConfidence: count! > 0 ? says! : null, accuracy: count! > 0 ? right! : null, accuracyLow: low, accuracyHigh: high };
  });
  return {
    run,
    labels: fakeLabels,
    classification: { accuracy: proportion(hits, total), macroF1: classes.reduce((sum, item) => sum + (item.f1 ?? 0), 0) / 4, classes, confusion, majorityBaseline: proportion(506, total) },
    calibration: { expectedCalibrationError: 0.025, bins },
    temperature: 1.31,
    groups: [
      group('Sex', [['F', 601, 704], ['M', 430, 525], ['not recorded', 7, 9]], gap(0.035, -0.008, 0.079, ['F', 'M'])),
      group('Age band', [['18–39', 141, 181], ['40–64', 372, 430], ['65–79', 331, 389], ['80+', 194, 238]], gap(0.086, 0.017, 0.158, ['40–64', '18–39'])),
      group('Interpreter', [['no', 957, 1121], ['yes', 81, 117]], gap(0.161, 0.079, 0.253, ['no', 'yes'])),
    ],
    releasedAccuracy: statement.isPrivate ? { value: 0.833, low: 0.801, high: 0.866, epsilon: 1 } : null,
    statement,
    energyWh: run.energyWh,
    carbonGrams: { low: 0.9, central: 2.1, high: 4.6 },
  };
}
