/** The receiver operating characteristic where every unit is scored several times: as a member by models that saw it, as another by models that did not. */
import { invariant } from '../../ground/check.ts';
import { normalQuantile } from '../../ground/special.ts';
import { clopperPearsonInterval, type Interval } from '../../ground/statistics.ts';
import { checkConfidence, checkScores } from './audit-errors.ts';
import { rateAtFalseAlarms, rocOf, type RateAtFalseAlarms, type Roc } from './roc.ts';

/** For a sorted list, how many lie below `value`, ties half. */
function countBelow(sorted: Float64Array, value: number): number {
  const firstNotBelow = (isBelow: (other: number) => boolean) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBelow(sorted[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return (firstNotBelow((other) => other < value) + firstNotBelow((other) => other <= value)) / 2;
}

/** A share of scores that are `times` a unit, held for as many trials as there are units: scores of one unit need not be independent. Errs wide. */
export function clusteredInterval(share: number, units: number, confidence = 0.95): Interval {
  const low = clopperPearsonInterval(Math.floor(share * units + 1e-9), units, confidence).low;
  const high = clopperPearsonInterval(Math.ceil(share * units - 1e-9), units, confidence).high;
  return { low, high };
}

export interface ClusteredRoc extends Roc {
  readonly units: number;
}

/**
 * All scores in one curve; the interval of the area takes units as the sample, each with all its scores (Obuchowski 1997, for as many member scores as
 * others a unit).
 * Shapes: memberScores and otherScores [units, times], higher speaks for "member".
 */
export function clusteredRoc(memberScores: Float64Array, otherScores: Float64Array, units: number, confidence = 0.95): ClusteredRoc {
  checkScores('The members', memberScores);
  checkScores('The others', otherScores);
  checkConfidence(confidence);
  const times = memberScores.length / units;
  invariant(Number.isInteger(times) && otherScores.length === memberScores.length, 'every unit has as many scores');
  const roc = rocOf(memberScores, otherScores, confidence);
  const members = Float64Array.from(memberScores).sort();
  const others = Float64Array.from(otherScores).sort();
  // What a unit adds to the area: how far its member scores lie above others, less how far its other scores lie above members.
  const parts = Float64Array.from({ length: units }, (_, unit) => {
    let part = 0;
    for (let at = unit * times; at < (unit + 1) * times; at++) part += (countBelow(others, memberScores[at]!) - countBelow(members, otherScores[at]!)) / (members.length * times);
    return part;
  });
  const mean = parts.reduce((sum, part) => sum + part, 0) / units;
  const variance = units < 2 ? 0 : parts.reduce((sum, part) => sum + (part - mean) ** 2, 0) / (units - 1) / units;
  const half = -normalQuantile((1 - confidence) / 2) * Math.sqrt(variance);
  return { ...roc, units, areaInterval: { low: Math.max(0, roc.area - half), high: Math.min(1, roc.area + half) } };
}

/** `rateAtFalseAlarms` with the interval of as many trials as there are units. */
export function clusteredRate(roc: ClusteredRoc, falsePositiveRate = 0.01, confidence = 0.95): RateAtFalseAlarms {
  const rate = rateAtFalseAlarms(roc, falsePositiveRate, confidence);
  return { ...rate, interval: clusteredInterval(rate.truePositiveRate, roc.units, confidence) };
}
