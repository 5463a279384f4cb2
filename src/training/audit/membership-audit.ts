/**
 * Membership inference on the notes themselves. Trainings come in pairs: a fair coin for each unit says which of the two sees it. So every unit is scored
 * as a member by one model of a pair and as another by its counterpart, and the other pairs hold models that did not see it, to calibrate by.
 * Given everything but the coin of one unit in one pair, its score in a model differs by that unit's part in one training: the proven bound holds for it.
 */
import { checkInteger } from '../../ground/check.ts';
import { clusteredInterval, clusteredRate, clusteredRoc, type ClusteredRoc } from '../../privacy/audit/clustered-roc.ts';
import { calibratedScores, lossScores } from '../../privacy/audit/membership.ts';
import type { RocPoint } from '../../privacy/audit/roc.ts';
import type { Plan } from '../plan.ts';
import type { TokenizedUnit } from '../trainer.ts';
import type { AttackPoint, AttackResult } from './audit-report.ts';
import type { AuditTraining } from './audit-training.ts';
import { lossOf } from './losses.ts';

/** Which units the first model of each pair sees; its counterpart sees the rest. Shapes: [pairs][units]. */
export type PairCoins = readonly (readonly boolean[])[];

export function tossPairs(units: number, pairs: number, random: () => number): PairCoins {
  checkInteger('units', units, 2);
  checkInteger('pairs of trainings', pairs, 2);
  return Array.from({ length: pairs }, () => Array.from({ length: units }, () => random() < 0.5));
}

/** Mean loss of each unit's rows. Shapes: logits [rows, C]; result [units]. */
function unitLosses(logits: Float32Array, units: readonly TokenizedUnit[], classes: number): Float64Array {
  let row = 0;
  return Float64Array.from(units, ({ rows }) => {
    let sum = 0;
    for (const { label } of rows) sum += lossOf(logits, row++, classes, label);
    return sum / rows.length;
  });
}

/** Losses of every unit, in every pair: under the model that saw it, and under the one that did not. Shapes: [pairs] of [units]. */
export interface PairLosses {
  readonly seen: readonly Float64Array[];
  readonly unseen: readonly Float64Array[];
}

/** Trains two models a pair and throws them away; `onTraining` is told after each. */
export async function pairLosses(train: AuditTraining, plan: Plan, units: readonly TokenizedUnit[], classes: number, coins: PairCoins, onTraining: () => void): Promise<PairLosses> {
  const seen: Float64Array[] = [];
  const unseen: Float64Array[] = [];
  for (const coin of coins) {
    const losses: Float64Array[] = [];
    for (const side of [true, false]) {
      losses.push(unitLosses(await train(plan, units.filter((_, unit) => coin[unit] === side), units), units, classes));
      onTraining();
    }
    const [first, second] = [losses[0]!, losses[1]!];
    seen.push(first.map((loss, unit) => (coin[unit] ? loss : second[unit]!)));
    unseen.push(first.map((loss, unit) => (coin[unit] ? second[unit]! : loss)));
  }
  return { seen, unseen };
}

/** [pairs] of [units] as [units, pairs]. */
function byUnit(scores: readonly Float64Array[]): Float64Array {
  const units = scores[0]!.length;
  const flat = new Float64Array(units * scores.length);
  scores.forEach((of, pair) => of.forEach((score, unit) => (flat[unit * scores.length + pair] = score)));
  return flat;
}

/** The attack by loss alone, and calibrated by the mean loss under the models of all other pairs that did not see the unit. */
export function membershipResults({ seen, unseen }: PairLosses): { readonly loss: AttackResult; readonly calibrated: AttackResult } {
  const pairs = seen.length;
  const reference = unseen.map((_, pair) => Float64Array.from(unseen[pair]!, (__, unit) => unseen.reduce((sum, of, other) => (other === pair ? sum : sum + of[unit]!), 0) / (pairs - 1)));
  return {
    loss: attackResult(seen.map(lossScores), unseen.map(lossScores)),
    calibrated: attackResult(seen.map((losses, pair) => calibratedScores(losses, reference[pair]!)), unseen.map((losses, pair) => calibratedScores(losses, reference[pair]!))),
  };
}

function attackResult(members: readonly Float64Array[], others: readonly Float64Array[]): AttackResult {
  const roc = clusteredRoc(byUnit(members), byUnit(others), members[0]!.length);
  const rate = clusteredRate(roc);
  return {
    points: thinned(roc.points).map((point) => pointOf(point, roc)),
    area: roc.area,
    areaInterval: roc.areaInterval,
    atOnePercent: { falseAlarms: rate.falsePositiveRate, found: rate.truePositiveRate, ...rate.interval },
  };
}

function pointOf({ truePositives, falsePositives }: RocPoint, roc: ClusteredRoc): AttackPoint {
  const found = truePositives / roc.members;
  return { falseAlarms: falsePositives / roc.others, found, ...clusteredInterval(found, roc.units) };
}

const mostPoints = 200;

/** The corners of few false alarms one by one, then ever wider apart; the last point stays. */
function thinned(points: readonly RocPoint[]): readonly RocPoint[] {
  if (points.length <= mostPoints) return points;
  const ratio = (points.length / (mostPoints / 2)) ** (2 / mostPoints);
  const kept: RocPoint[] = [];
  for (let at = 0; at < points.length - 1; at = Math.max(at + 1, Math.floor(at * ratio))) kept.push(points[at]!);
  return [...kept, points.at(-1)!];
}
