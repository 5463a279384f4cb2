import { normalCdf, normalQuantile } from '../../ground/special.ts';
import { gaussianLimits } from '../../training/audit/attack-limits.ts';
import type { AttackResult, AuditReport, ModelAudit } from '../../training/audit/audit-report.ts';
import { proportion } from './fake-results.ts';

const units = 1500;

/** An attack that tells members from others as two normals `apart` do. */
function attack(apart: number): AttackResult {
  const pointAt = (falseAlarms: number) => {
    const found = falseAlarms === 0 || falseAlarms === 1 ? falseAlarms : normalCdf(normalQuantile(falseAlarms) + apart);
    const { low, high } = proportion(Math.round(found * units), units);
    return { falseAlarms, found, low, high };
  };
  const area = normalCdf(apart / Math.SQRT2);
  return { points: [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map(pointAt), area, areaInterval: { low: area - 0.008, high: area + 0.008 }, atOnePercent: pointAt(0.01) };
}

function model(loss: number, calibrated: number, correct: number, epsilonAtLeast: number, epsilonAtLeastAnyhow: number, bits: number): ModelAudit {
  return { loss: attack(loss), calibrated: attack(calibrated), canary: { canaries: 1024, guesses: 102, correct, epsilonAtLeast, epsilonAtLeastAnyhow, couldShow: Math.max(3.48, 1.6 * epsilonAtLeast), exposure: { bits, low: bits - 0.1, high: bits + 0.1, bitsByChance: 1.4, bitsAtMost: 7 } } };
}

/** Invented, of the sizes that the public dialogues gave. */
export function fakeAudit(epsilon: number, kind: AuditReport['kind'] = 'head'): AuditReport {
  if (kind === 'adapters') return fakeAdapterAudit(epsilon);
  const isSilent = epsilon < 1;
  return {
    kind, unit: 'person', units, allUnits: 3121, classes: 4, epsilon, delta: 1e-5, mu: epsilon / 4.2, limits: gaussianLimits(epsilon / 4.2), membershipRuns: 8, canaryRuns: 4, unitsBesideCanaries: units, seconds: 74,
    private: isSilent ? model(0, 0.005, 53, 0, 0, 1.42) : model(0.05, 0.16, 77, epsilon * 0.35, epsilon * 0.24, 2.04),
    plain: model(0.4, 0.88, 102, 3.48, 3.48, 6.98),
  };
}

/** Adapters: fewer notes, units that are drawn, and no Gaussian curve. */
function fakeAdapterAudit(epsilon: number): AuditReport {
  const few = (of: ModelAudit): ModelAudit => ({ ...of, canary: { ...of.canary, canaries: 512, guesses: 154, correct: Math.round(1.5 * of.canary.correct), couldShow: 3.92 } });
  return {
    kind: 'adapters', unit: 'person', units: 260, allUnits: 3121, classes: 4, epsilon, delta: 1e-5, mu: null, limits: gaussianLimits(epsilon / 4), membershipRuns: 4, canaryRuns: 4, unitsBesideCanaries: 8, seconds: 2460,
    private: few(model(0.02, 0.08, 64, 0.21, 0.21, 1.7)),
    plain: few(model(0.5, 1.1, 102, 3.44, 3.44, 5.9)),
  };
}
