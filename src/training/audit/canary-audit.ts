/**
 * The audit by planted rows (Steinke, Nasr & Jagielski 2023, arXiv 2305.08846): each canary is planted or left out by a fair coin, models are trained, and
 * coins are guessed from the canaries' scores. Several trainings with canaries and coins of their own count as one audit of as many canaries: each coin
 * has its say in one training alone, so all of them together are as private as one (parallel composition).
 */
import { canaryExposure } from '../../privacy/audit/canary-exposure.ts';
import { guessCoins, oneRunEpsilon, oneRunGaussianEpsilon } from '../../privacy/audit/one-run.ts';
import { gaussianEpsilon } from '../../privacy/gaussian.ts';
import { recipeBudget } from '../full-batch-head.ts';
import { isPrivate, type Plan } from '../plan.ts';
import type { TokenizedUnit } from '../trainer.ts';
import type { CanaryResult } from './audit-report.ts';
import type { AuditTraining } from './audit-training.ts';
import { marginOf } from './losses.ts';

/**
 * Share of the canaries that is guessed, half of it "planted" and half "left out"; fixed before any coin is tossed.
 * Of 2,048 canaries in a Gaussian mechanism a tenth gives the best bounds at epsilon 3 and 8, and hardly worse ones than any other share at 1.
 */
export const guessedShare = 0.1;

/**
 * Rows of a planted unit. Under a clip that works, more of them change nothing: the unit is clipped as a whole. Under one that does not, each adds its part.
 * Without privacy nothing is clipped, and a canary is one row, as a note is.
 */
const plantedRows = 4;

/** One training's canaries. Shapes: scores [m], isIn [m]. */
export interface CanaryScores {
  readonly scores: Float64Array;
  readonly isIn: readonly boolean[];
}

export function tossCoins(count: number, random: () => number): readonly boolean[] {
  return Array.from({ length: count }, () => random() < 0.5);
}

/** What one plan's audit trains on, and the canaries' margins under a model that saw none of them. Shapes: reference [m]. */
export interface CanaryGround {
  readonly train: AuditTraining;
  readonly plan: Plan;
  readonly units: readonly TokenizedUnit[];
  readonly canaries: readonly TokenizedUnit[];
  readonly classes: number;
  readonly reference: Float64Array;
}

/** The same steps with a hundredth of the noise, for what the notes alone do to the canaries. */
function nearlyNoiseless(plan: Plan, units: number, classes: number): Plan {
  if (plan.kind !== 'full-batch-head') return plan;
  const { mu, nu } = recipeBudget(plan, units, classes);
  return { ...plan, epsilon: gaussianEpsilon(100 * mu, plan.delta), maximumNu: nu / 100 };
}

async function canaryMargins(ground: Omit<CanaryGround, 'reference'>, plan: Plan, isIn: readonly boolean[]): Promise<Float64Array> {
  const { train, units, canaries, classes } = ground;
  const times = isPrivate(ground.plan) ? plantedRows : 1;
  const planted = canaries.map(({ unit, rows }, index) => ({ unit, rows: isIn[index] ? Array.from({ length: times }, () => rows[0]!) : [] }));
  const logits = await train(plan, [...units, ...planted], canaries);
  return Float64Array.from(canaries, ({ rows }, row) => marginOf(logits, row, classes, rows[0]!.label));
}

/** One training without canaries: what an attacker who knows all notes expects of each canary that was left out. */
export async function canaryGround(ground: Omit<CanaryGround, 'reference'>): Promise<CanaryGround> {
  const { plan, units, canaries, classes } = ground;
  return { ...ground, reference: await canaryMargins(ground, nearlyNoiseless(plan, units.length + canaries.length, classes), canaries.map(() => false)) };
}

/**
 * Trains on all units and on those canaries whose coin says so, throws the model away, and scores every canary: its margin, less what it is without
 * canaries, less the mean of its label's.
 */
export async function scoreCanaries(ground: CanaryGround, isIn: readonly boolean[]): Promise<CanaryScores> {
  const { canaries, classes, reference } = ground;
  const margins = (await canaryMargins(ground, ground.plan, isIn)).map((margin, row) => margin - reference[row]!);
  const labels = canaries.map(({ rows }) => rows[0]!.label);
  // What all canaries of a label share (the bias, above all) says nothing about a coin.
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  labels.forEach((label, row) => {
    sums[label]! += margins[row]!;
    counts[label]!++;
  });
  return { scores: margins.map((margin, row) => margin - sums[labels[row]!]! / counts[labels[row]!]!), isIn };
}

/** What the guesses come to. `isGaussian`: the plan claims the tradeoff curve of a Gaussian mechanism, so that a sharper bound may be held against it. */
export function canaryResult(runs: readonly CanaryScores[], delta: number, isGaussian: boolean, share = guessedShare): CanaryResult {
  const scores = Float64Array.from(runs.flatMap((run) => Array.from(run.scores)));
  const isIn = runs.flatMap((run) => run.isIn);
  const each = Math.max(1, Math.round((share / 2) * scores.length));
  const found = guessCoins(scores, isIn, each, Math.min(each, scores.length - each));
  const epsilonAtLeastAnyhow = oneRunEpsilon(found, delta);
  const boundOf = isGaussian ? oneRunGaussianEpsilon : oneRunEpsilon;
  return { ...found, epsilonAtLeast: boundOf(found, delta), epsilonAtLeastAnyhow, couldShow: boundOf({ ...found, correct: found.guesses }, delta), exposure: exposureOf(runs) };
}

/** Mean exposure of the planted canaries among those of their training that were left out. The interval takes canaries as the sample. */
function exposureOf(runs: readonly CanaryScores[]): CanaryResult['exposure'] {
  const bits: number[] = [];
  let byChance = 0;
  let most = 0;
  for (const { scores, isIn } of runs) {
    const left = scores.filter((_, index) => !isIn[index]).map((score) => -score);
    if (left.length === 0) continue;
    for (const [index, score] of scores.entries()) if (isIn[index]) bits.push(canaryExposure(-score, left).bits);
    const candidates = left.length + 1;
    // Every rank is as likely as any other where nothing was learnt.
    let sum = 0;
    for (let rank = 1; rank <= candidates; rank++) sum += Math.log2(candidates / rank);
    byChance += sum / candidates;
    most += Math.log2(candidates);
  }
  const mean = bits.reduce((sum, one) => sum + one, 0) / Math.max(1, bits.length);
  const deviation = Math.sqrt(bits.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, bits.length - 1));
  const half = (1.96 * deviation) / Math.sqrt(Math.max(1, bits.length));
  return { bits: mean, low: Math.max(0, mean - half), high: mean + half, bitsByChance: byChance / runs.length, bitsAtMost: most / runs.length };
}
