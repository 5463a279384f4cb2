/** What thresholds on a score give in one group: points, their upper hull, and mixtures of two of them. */

export interface ScoredRow {
  readonly isTrue: boolean;
  readonly score: number;
}

/** Rows of a group by what a rule makes of them; fractions where the rule is random. */
export interface RuleCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly positives: number;
  readonly negatives: number;
}
export type Rate = (counts: RuleCounts) => number;

export const selection: Rate = ({ truePositives, falsePositives, positives, negatives }) => (truePositives + falsePositives) / (positives + negatives);
export const found: Rate = ({ truePositives, positives }) => truePositives / positives;
export const calledByMistake: Rate = ({ falsePositives, negatives }) => falsePositives / negatives;
export const accuracy: Rate = ({ truePositives, falsePositives, positives, negatives }) => (truePositives + negatives - falsePositives) / (positives + negatives);
export const balancedAccuracy: Rate = (counts) => (found(counts) + 1 - calledByMistake(counts)) / 2;

interface Point {
  readonly x: number;
  readonly y: number;
  /** Rows with a score above it are positive. */
  readonly threshold: number;
}

/** Two thresholds, the first taken with probability `share`: x and y are the mean of theirs. */
export interface Mixture {
  readonly x: number;
  readonly y: number;
  readonly share: number;
  readonly first: number;
  readonly second: number;
}

/** x and y of every threshold that tells rows apart: above all scores, between two of them, below all. */
function pointsOf(rows: readonly ScoredRow[], x: Rate, y: Rate): Point[] {
  const sorted = rows.toSorted((a, b) => b.score - a.score);
  const positives = rows.filter(({ isTrue }) => isTrue).length;
  const points: Point[] = [];
  let [truePositives, falsePositives] = [0, 0];
  for (let row = 0, threshold = Infinity; ; ) {
    const counts = { truePositives, falsePositives, positives, negatives: rows.length - positives };
    points.push({ x: x(counts), y: y(counts), threshold });
    if (row >= sorted.length) return points;
    const { score } = sorted[row]!;
    for (; sorted[row]?.score === score; row++) {
      if (sorted[row]!.isTrue) truePositives++;
      else falsePositives++;
    }
    threshold = row < sorted.length ? (score + sorted[row]!.score) / 2 : -Infinity;
  }
}

/** The points that no mixture of others lies above, by rising x. */
export function upperHull(rows: readonly ScoredRow[], x: Rate, y: Rate): readonly Point[] {
  const hull: Point[] = [];
  for (const point of pointsOf(rows, x, y).sort((a, b) => a.x - b.x || a.y - b.y)) {
    if (hull.at(-1)?.x === point.x) hull.pop();
    for (let [before, last] = [hull.at(-2), hull.at(-1)]; before && last && (last.y - before.y) * (point.x - before.x) <= (point.y - before.y) * (last.x - before.x); [before, last] = [hull.at(-2), hull.at(-1)]) hull.pop();
    hull.push(point);
  }
  return hull;
}

/** The mixture of two neighbours of the hull that has this x, 0 to 1. */
export function mixtureAt(hull: readonly Point[], x: number): Mixture {
  const after = hull.findIndex((point) => point.x >= x);
  const second = hull[after < 0 ? hull.length - 1 : after]!;
  const first = hull[after <= 0 ? hull.indexOf(second) : after - 1]!;
  const share = second.x === first.x ? 0 : (second.x - x) / (second.x - first.x);
  return { x, y: share * first.y + (1 - share) * second.y, share, first: first.threshold, second: second.threshold };
}
