/** What an audit run comes to. All of it is exact and for the owner's eyes: it is shown, kept nowhere and exported never. */
import type { Interval } from '../../ground/statistics.ts';
import type { PrivacyUnit } from '../../privacy/events.ts';

/** One threshold of an attack, as rates, with the interval of the members found. */
export interface AttackPoint extends Interval {
  /** Others that are called members. */
  readonly falseAlarms: number;
  /** Members that are called members. */
  readonly found: number;
}

/** How well one attack tells members from others. */
export interface AttackResult {
  /** From nobody to everybody; of many thresholds some two hundred. */
  readonly points: readonly AttackPoint[];
  /** Chance that a member scores above another; 0.5 is guessing. */
  readonly area: number;
  readonly areaInterval: Interval;
  /** At the threshold with at most 1 % false alarms. */
  readonly atOnePercent: AttackPoint;
}

/** Guesses about planted rows, and what follows from them. */
export interface CanaryResult {
  /** Planted, or left out, by a coin each; all runs together. */
  readonly canaries: number;
  readonly guesses: number;
  readonly correct: number;
  /** Epsilon is at least this, with 95 % confidence: if the mechanism is a Gaussian one where it claims to be, else whatever the mechanism is. */
  readonly epsilonAtLeast: number;
  /** The same without supposing a Gaussian mechanism. */
  readonly epsilonAtLeastAnyhow: number;
  /** What `epsilonAtLeast` would be with every guess right: no claim above it can be shown false by so few rows. */
  readonly couldShow: number;
  /** Bits by which a planted row stands out among others of its kind, on average. */
  readonly exposure: Interval & { readonly bits: number; readonly bitsByChance: number; readonly bitsAtMost: number };
}

export interface ModelAudit {
  readonly loss: AttackResult;
  /** Calibrated by models that did not see the unit. The verdict is read from this one. */
  readonly calibrated: AttackResult;
  readonly canary: CanaryResult;
}

/** A point of the curve above which no attack can be where the proof holds. */
export interface LimitPoint {
  readonly falseAlarms: number;
  readonly found: number;
}

export interface AuditReport {
  /** What was trained: a head over the frozen encoder, or adapters and head by DP-SGD. */
  readonly kind: 'head' | 'adapters';
  readonly unit: PrivacyUnit;
  /** Units that were attacked, and units that the training part has: more where some were left out by lot. */
  readonly units: number;
  readonly allUnits: number;
  readonly classes: number;
  /** What the private plan proves: an upper bound. */
  readonly epsilon: number;
  readonly delta: number;
  /** mu of the whole private run where it is one Gaussian mechanism: no attack finds more than Phi(Phi^-1(false alarms) + mu) of the members. Null where units are drawn. */
  readonly mu: number | null;
  /** The most that any attack finds, at false alarms of 0.1 % to 100 %. */
  readonly limits: readonly LimitPoint[];
  readonly membershipRuns: number;
  readonly canaryRuns: number;
  /** Units of the file that trained beside the planted rows. */
  readonly unitsBesideCanaries: number;
  readonly private: ModelAudit;
  /** The twin that is not private: same notes, same coins. */
  readonly plain: ModelAudit;
  /** Parameters of the lab itself are public; the time is of the machine. */
  readonly seconds: number;
}
