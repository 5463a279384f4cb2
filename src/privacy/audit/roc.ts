/** The receiver operating characteristic of an attack: how many members it finds at how many false alarms. */
import { checkProbability } from '../../ground/check.ts';
import { normalQuantile } from '../../ground/special.ts';
import { clopperPearsonInterval, type Interval } from '../../ground/statistics.ts';
import { checkConfidence, checkScores } from './audit-errors.ts';

/** Counts at one threshold: an example is called a member if its score is at least `threshold`. */
export interface RocPoint {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
}

export interface Roc {
  readonly members: number;
  readonly others: number;
  /** By falling threshold, from Infinity (nobody) to the least score (everybody); equal scores share a point. */
  readonly points: readonly RocPoint[];
  /** Area under the curve: the chance that a member scores above another, ties counting half. */
  readonly area: number;
  /** Of the area, by DeLong's variance (1988). */
  readonly areaInterval: Interval;
}

const sortedDown = (scores: ArrayLike<number>) => Float64Array.from(scores).sort().reverse();

/** Sample variance of the shares, 0 for a single one. */
function varianceOf(shares: Float64Array): number {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return shares.length < 2 ? 0 : shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (shares.length - 1);
}

/** For each of `scores` (falling), the share of `against` (falling) that lies below it, ties half. */
function placements(scores: Float64Array, against: Float64Array): Float64Array {
  let above = 0;
  let notBelow = 0;
  return scores.map((score) => {
    while (above < against.length && against[above]! > score) above++;
    notBelow = Math.max(notBelow, above);
    while (notBelow < against.length && against[notBelow]! >= score) notBelow++;
    return (against.length - notBelow + (notBelow - above) / 2) / against.length;
  });
}

/** Shapes: memberScores [M], otherScores [N], in any order. @throws on no scores or NaN. */
export function rocOf(memberScores: ArrayLike<number>, otherScores: ArrayLike<number>, confidence = 0.95): Roc {
  checkScores('The members', memberScores);
  checkScores('The others', otherScores);
  checkConfidence(confidence);
  const members = sortedDown(memberScores);
  const others = sortedDown(otherScores);
  const points: RocPoint[] = [{ threshold: Infinity, truePositives: 0, falsePositives: 0 }];
  let truePositives = 0;
  let falsePositives = 0;
  while (truePositives < members.length || falsePositives < others.length) {
    const threshold = Math.max(members[truePositives] ?? -Infinity, others[falsePositives] ?? -Infinity);
    while (truePositives < members.length && members[truePositives]! >= threshold) truePositives++;
    while (falsePositives < others.length && others[falsePositives]! >= threshold) falsePositives++;
    points.push({ threshold, truePositives, falsePositives });
  }
  const ofMembers = placements(members, others);
  const ofOthers = placements(others, members);
  const area = ofMembers.reduce((sum, share) => sum + share, 0) / members.length;
  const deviation = Math.sqrt(varianceOf(ofMembers) / members.length + varianceOf(ofOthers) / others.length);
  const half = -normalQuantile((1 - confidence) / 2) * deviation;
  return { members: members.length, others: others.length, points, area, areaInterval: { low: Math.max(0, area - half), high: Math.min(1, area + half) } };
}

export interface RateAtFalseAlarms {
  readonly threshold: number;
  /** Members found, as a share. */
  readonly truePositiveRate: number;
  /** Exact interval of Clopper and Pearson, for this threshold. */
  readonly interval: Interval;
  /** Others called members, as a share: at most what was allowed. */
  readonly falsePositiveRate: number;
}

/**
 * The most members found at a threshold whose false alarms stay within `falsePositiveRate` of the others seen, 1 % by custom (Carlini et al. 2022,
 * arXiv 2112.03570). No point between two thresholds is made up. With fewer others than 1 / rate it allows none at all.
 */
export function rateAtFalseAlarms(roc: Roc, falsePositiveRate = 0.01, confidence = 0.95): RateAtFalseAlarms {
  checkProbability('false positive rate', falsePositiveRate);
  checkConfidence(confidence);
  // A count over `others` rounds: a hair is added so that 1 in 100 is within 1 %.
  const allowed = Math.floor(falsePositiveRate * roc.others + 1e-9);
  let best = roc.points[0]!;
  for (const point of roc.points) if (point.falsePositives <= allowed) best = point;
  return {
    threshold: best.threshold,
    truePositiveRate: best.truePositives / roc.members,
    interval: clopperPearsonInterval(best.truePositives, roc.members, confidence),
    falsePositiveRate: best.falsePositives / roc.others,
  };
}
