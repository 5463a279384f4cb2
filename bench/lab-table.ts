import { existsSync, readFileSync } from 'node:fs';
import { foundAtOnePercent } from '../src/privacy/attack-limit.ts';
import { gaussianMu } from '../src/privacy/gaussian.ts';
import type { AttackResult, CanaryResult } from '../src/training/audit/audit-report.ts';

type Attack = Pick<AttackResult, 'area' | 'areaInterval'> & { readonly atOnePercent: Pick<AttackResult['atOnePercent'], 'found' | 'low' | 'high'> };

interface Attacked {
  readonly loss: Attack;
  readonly calibrated: Attack;
  readonly canary: Pick<CanaryResult, 'guesses' | 'correct' | 'epsilonAtLeast'>;
}

/** Of heads; epsilon is null where nothing is private. */
interface HeadTable {
  readonly units: number;
  readonly delta: number;
  readonly models: readonly (Attacked & { readonly epsilon: number | null })[];
}

/** Of DP-SGD, one epsilon each. */
interface DpSgdTable {
  readonly units: number;
  readonly epsilon: number;
  /** Most members that the proof lets anybody find at 1 % false alarms. */
  readonly mostFound: number;
  readonly private: Attacked;
  readonly plain: Attacked;
}

const share = (value: number) => `${(100 * value).toFixed(1)} %`;
const interval = ({ low, high }: { readonly low: number; readonly high: number }, digits: (value: number) => string) => `${digits(low)} to ${digits(high)}`;
const area = (value: number) => value.toFixed(3);

/** The most that is found of one Gaussian mechanism at 1 % false alarms. */
const mostFound = (epsilon: number, delta: number) => foundAtOnePercent({ epsilon, delta, mu: gaussianMu(epsilon, delta) });

function line(model: string, units: number, epsilon: number | null, most: string, { loss, calibrated, canary }: Attacked): string {
  const attack = (one: Attack) => `${area(one.area)} (${interval(one.areaInterval, area)})`;
  const { found, low, high } = calibrated.atOnePercent;
  return `| ${model} | ${units} | ${epsilon ?? '∞'} | ${attack(loss)} | ${attack(calibrated)} | ${share(found)} (${interval({ low, high }, share)}) | ${most} | ${canary.correct} of ${canary.guesses} | ${canary.epsilonAtLeast.toFixed(2)} |`;
}

function isHeads(result: object): result is HeadTable {
  return 'models' in result;
}

function isDpSgd(result: object): result is DpSgdTable {
  return 'plain' in result && 'mostFound' in result;
}

/** Prints what is kept: membership (area under the curve, members found at 1 % false alarms and the most that the proof allows) and what planted rows show of epsilon. */
export function printLab(file: string): void {
  const kept: Readonly<Record<string, object>> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  console.log('| attacked | units | epsilon | area, by loss | area, calibrated | found at 1 % false alarms | at most | planted rows guessed right | epsilon at least |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const [name, result] of Object.entries(kept)) {
    if (isHeads(result)) for (const model of result.models) console.log(line(`head, ${name}`, result.units, model.epsilon, model.epsilon === null ? '' : share(mostFound(model.epsilon, result.delta)), model));
    if (isDpSgd(result)) {
      console.log(line(name, result.units, null, '', result.plain));
      console.log(line(name, result.units, result.epsilon, share(result.mostFound), result.private));
    }
  }
}
