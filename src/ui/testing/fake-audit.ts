import { normalCdf, normalQuantile } from '../../ground/special.ts';
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
  return { loss: attack(loss), calibrated: attack(calibrated), canary: { canaries: 1024, guesses: 102, correct, epsilonAtLeast, epsilonAtLeastAnyhow, exposure: { bits, low: bits - 0.1, high: bits + 0.1, bitsByChance: 1.4, bitsAtMost: 7 } } };
}

/** Invented, of the sizes that the public dialogues gave. */
export function fakeAudit(epsilon: number): AuditReport {
  const isSilent = epsilon < 1;
  return {
    unit: 'person', units, allUnits: 3121, classes: 4, epsilon, delta: 1e-5, mu: epsilon / 4.2, membershipRuns: 8, canaryRuns: 4, seconds: 74,
    private: isSilent ? model(0, 0.005, 53, 0, 0, 1.42) : model(0.05, 0.16, 77, epsilon * 0.35, epsilon * 0.24, 2.04),
    plain: model(0.4, 0.88, 102, 3.48, 3.48, 6.98),
  };
}
