import { mulberry32 } from '../ground/random.ts';
import { quantile } from '../ground/statistics.ts';
import type { ClassificationReport } from './classification.ts';
import { classCounts, countConfusion, f1Score } from './confusion.ts';
import { proportion } from './proportion.ts';

interface Range {
  readonly low: number;
  readonly high: number;
}

/** Replicates of the F1 interval: its ends then move by about a tenth of its width between seeds. */
const replicates = 500;

/** Percentile bootstrap of each class's F1 over rows; replicates in which a class neither occurs nor is predicted do not count. */
function bootstrapF1(trueIndex: ArrayLike<number>, predictedIndex: ArrayLike<number>, classes: number, seed: number): Range[] {
  const random = mulberry32(seed);
  const rows = trueIndex.length;
  const scores: number[][] = Array.from({ length: classes }, () => []);
  const truth = new Int32Array(rows);
  const predicted = new Int32Array(rows);
  for (let replicate = 0; replicate < replicates && rows > 0; replicate++) {
    for (let i = 0; i < rows; i++) {
      const drawn = Math.floor(random() * rows);
      truth[i] = trueIndex[drawn]!;
      predicted[i] = predictedIndex[drawn]!;
    }
    classCounts(countConfusion(truth, predicted, classes)).forEach((counts, label) => {
      const f1 = f1Score(counts);
      if (f1 !== null) scores[label]!.push(f1);
    });
  }
  return scores.map((values) => {
    if (values.length === 0) return { low: 0, high: 1 };
    values.sort((a, b) => a - b);
    return { low: quantile(values, 0.025), high: quantile(values, 0.975) };
  });
}

/**
 * Where every row of a class is right, or every one wrong, drawing them again changes nothing, and the bootstrap knows no doubt: there the bound is F1 at Wilson's bounds of
 * precision and recall.
 */
function widened({ low, high }: Range, f1: number | null, precision: Range, recall: Range): Range {
  const harmonic = (p: number, r: number) => (p + r === 0 ? 0 : (2 * p * r) / (p + r));
  return { low: f1 === 1 ? Math.min(low, harmonic(precision.low, recall.low)) : low, high: f1 === 0 ? Math.max(high, harmonic(precision.high, recall.high)) : high };
}

/**
 * Accuracy, macro-F1, scores of each class and the confusion matrix, as scikit-learn defines them with `zero_division=0`
 * for the mean; undefined single scores are null. Intervals: Wilson 95 % for shares, percentile bootstrap for F1, wider where it knows no doubt.
 * @param trueIndex label of each row, as index into `labels`
 * @param predictedIndex predicted label of each row, likewise
 * @param seed of the bootstrap
 */
export function classificationReport(trueIndex: ArrayLike<number>, predictedIndex: ArrayLike<number>, labels: readonly string[], seed: number): ClassificationReport {
  const rows = trueIndex.length;
  const confusion = countConfusion(trueIndex, predictedIndex, labels.length);
  const counts = classCounts(confusion);
  const intervals = bootstrapF1(trueIndex, predictedIndex, labels.length, seed);
  const classes = counts.map((own, index) => {
    const precisionInterval = proportion(own.truePositives, own.predicted);
    const recallInterval = proportion(own.truePositives, own.support);
    const f1 = f1Score(own);
    const { low: f1Low, high: f1High } = widened(intervals[index]!, f1, precisionInterval, recallInterval);
    return {
      label: labels[index]!,
      support: own.support,
      predicted: own.predicted,
      precision: precisionInterval.value,
      recall: recallInterval.value,
      f1,
      precisionInterval,
      recallInterval,
      f1Low,
      f1High,
    };
  });
  const defined = counts.map(f1Score).filter((f1) => f1 !== null);
  const hits = counts.reduce((sum, { truePositives }) => sum + truePositives, 0);
  return {
    accuracy: proportion(hits, rows),
    macroF1: defined.length === 0 ? 0 : defined.reduce((sum, f1) => sum + f1, 0) / defined.length,
    classes,
    confusion: labels.map((_, row) => [...confusion.counts.subarray(row * labels.length, (row + 1) * labels.length)]),
    majorityBaseline: proportion(counts.reduce((most, { support }) => Math.max(most, support), 0), rows),
  };
}
