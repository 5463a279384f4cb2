import { invariant } from '../ground/check.ts';

/** C x C counts, row-major: row is the true class, column the predicted one. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Float64Array;
}

/** Counts pairs of true and predicted class; both hold indices below `classes`. */
export function countConfusion(trueIndex: ArrayLike<number>, predictedIndex: ArrayLike<number>, classes: number): Confusion {
  invariant(trueIndex.length === predictedIndex.length, 'as many predictions as labels');
  const counts = new Float64Array(classes * classes);
  for (let i = 0; i < trueIndex.length; i++) {
    const truth = trueIndex[i]!;
    const predicted = predictedIndex[i]!;
    invariant(truth >= 0 && truth < classes && predicted >= 0 && predicted < classes, 'class indices name a label');
    counts[truth * classes + predicted]!++;
  }
  return { classes, counts };
}

export interface ClassCounts {
  readonly truePositives: number;
  readonly support: number;
  readonly predicted: number;
}

/** Hits, rows and predictions of each class. */
export function classCounts({ classes, counts }: Confusion): ClassCounts[] {
  return Array.from({ length: classes }, (_, label) => {
    let support = 0;
    let predicted = 0;
    for (let other = 0; other < classes; other++) {
      support += counts[label * classes + other]!;
      predicted += counts[other * classes + label]!;
    }
    return { truePositives: counts[label * classes + label]!, support, predicted };
  });
}

/** F1 = 2 TP / (support + predicted); null for a class that neither occurs nor is predicted. */
export function f1Score({ truePositives, support, predicted }: ClassCounts): number | null {
  return support + predicted === 0 ? null : (2 * truePositives) / (support + predicted);
}
