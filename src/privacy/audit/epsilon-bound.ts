/**
 * A lower bound on epsilon from how often an attack is right. A mechanism that is (epsilon, delta)-private keeps every attack to
 * TPR <= exp(epsilon) FPR + delta, and the same for the rates of the other answer (Kairouz, Oh & Viswanath 2015, arXiv 1311.0776).
 * It can show a claim to be false; that it stays low proves nothing. Members and others must be scored by models trained apart, or by one model where the
 * examples' scores are independent; within one run use `one-run.ts`.
 */
import { checkInteger, checkProbability } from '../../ground/check.ts';
import { shuffle } from '../../ground/random.ts';
import { clopperPearsonInterval } from '../../ground/statistics.ts';
import { checkConfidence, checkScores } from './audit-errors.ts';
import { rocOf } from './roc.ts';

export interface AttackCounts {
  readonly members: number;
  readonly truePositives: number;
  readonly others: number;
  readonly falsePositives: number;
}

function bestRatio(least: number, most: number, delta: number): number {
  return least > delta ? Math.log((least - delta) / most) : 0;
}

/**
 * Epsilon is at least this, with `confidence`, for a threshold that was chosen without these counts. One-sided exact bounds of Clopper and Pearson for
 * both rates, half of the error each; both inequalities follow from the same two, so that the larger may be taken.
 */
export function epsilonLowerBound(counts: AttackCounts, delta: number, confidence = 0.95): number {
  const { members, truePositives, others, falsePositives } = counts;
  checkInteger('members', members, 1);
  checkInteger('true positives', truePositives, 0, members);
  checkInteger('others', others, 1);
  checkInteger('false positives', falsePositives, 0, others);
  checkProbability('delta', delta);
  checkConfidence(confidence);
  // A two-sided interval with twice the error has the wanted error on each side.
  const twoSided = Math.max(1e-12, 1 - 2 * ((1 - confidence) / 2));
  const found = clopperPearsonInterval(truePositives, members, twoSided).low;
  const alarms = clopperPearsonInterval(falsePositives, others, twoSided).high;
  return Math.max(0, bestRatio(found, alarms, delta), bestRatio(1 - alarms, 1 - found, delta));
}

/**
 * The bound from scores: the threshold is the best on one half of the scores, the bound is taken on the other half, so that choosing costs no confidence.
 * Shapes: memberScores [M], otherScores [N]; at least two each. `random` deals the halves.
 */
export function epsilonLowerBoundOfScores(memberScores: ArrayLike<number>, otherScores: ArrayLike<number>, setting: { readonly delta: number; readonly confidence?: number; readonly random: () => number }): number {
  checkScores('The members', memberScores);
  checkScores('The others', otherScores);
  checkInteger('members', memberScores.length, 2);
  checkInteger('others', otherScores.length, 2);
  const { delta, confidence = 0.95, random } = setting;
  const members = shuffle(Float64Array.from(memberScores), random);
  const others = shuffle(Float64Array.from(otherScores), random);
  const [chooseIn, chooseOut] = [members.subarray(0, members.length >> 1), others.subarray(0, others.length >> 1)];
  const [judgeIn, judgeOut] = [members.subarray(members.length >> 1), others.subarray(others.length >> 1)];
  let threshold = Infinity;
  let best = -1;
  for (const point of coarse(rocOf(chooseIn, chooseOut).points)) {
    const bound = epsilonLowerBound({ members: chooseIn.length, others: chooseOut.length, ...point }, delta, confidence);
    if (bound > best) [best, threshold] = [bound, point.threshold];
  }
  const above = (scores: Float64Array) => scores.reduce((count, score) => count + (score >= threshold ? 1 : 0), 0);
  return epsilonLowerBound({ members: judgeIn.length, truePositives: above(judgeIn), others: judgeOut.length, falsePositives: above(judgeOut) }, delta, confidence);
}

const MOST_THRESHOLDS = 200;

/** The first thresholds one by one, where few false alarms decide, then ever wider apart. */
function coarse<T>(points: readonly T[]): readonly T[] {
  if (points.length <= MOST_THRESHOLDS) return points;
  const ratio = (points.length / (MOST_THRESHOLDS / 2)) ** (2 / MOST_THRESHOLDS);
  const kept: T[] = [];
  for (let at = 0; at < points.length; at = Math.max(at + 1, Math.floor(at * ratio))) kept.push(points[at]!);
  return kept;
}
