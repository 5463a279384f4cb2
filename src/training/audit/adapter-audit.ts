import { shuffle } from '../../ground/random.ts';
import { forOwnersEyes, type OwnersEyes } from '../../privacy/doors.ts';
import { parameterLayout } from '../../engine/parameters.ts';
import type { DpSgdPlan, PlainLoraPlan } from '../plan.ts';
import { dpSgdMechanism } from '../run-dp-sgd.ts';
import type { TokenizedUnit } from '../trainer.ts';
import { adapterAuditParts, adapterAuditSize, atRateOf, gradientTokens, type AdapterAuditSize } from './adapter-size.ts';
import { adapterTraining, type AdapterPlan, type AdapterTraining } from './adapter-training.ts';
import { gaussianLimits, limitsOf } from './attack-limits.ts';
import type { AuditReport, CanaryResult, ModelAudit } from './audit-report.ts';
import type { AuditProgress } from './audit-run.ts';
import type { AuditParts } from './audit-training.ts';
import { canaryResult, tossCoins, type CanaryScores } from './canary-audit.ts';
import { membershipResults, pairLosses, tossPairs } from './membership-audit.ts';
import { designPlantedNotes } from './planted-notes.ts';
import { alongGradients, plantedGradients, withinLabels } from './planted-scores.ts';

export interface AdapterAuditInput extends AuditParts {
  readonly plan: DpSgdPlan;
  readonly twin: PlainLoraPlan;
  /** Units of the training part, grouped by the plan's unit. */
  readonly units: readonly TokenizedUnit[];
  readonly size?: AdapterAuditSize;
  /** For coins, lots and planted notes: not the stream that noise and samples are drawn from. */
  readonly random: () => number;
  readonly onProgress: (progress: AuditProgress) => void;
}

/**
 * Share of the planted notes that is guessed, fixed beforehand. More than of a head's canaries: there are fewer, and with 51 guesses all right no claim above
 * 2.8 could be shown false where units are drawn; with 154 it is 3.9. Faults that are seen at all are seen in nearly every coin.
 */
export const guessedPlantedShare = 0.3;

/** Of a model that is not private, coins decide all but what its batches and its bends leave. */
const plainNoiseShare = 0.05;

/**
 * Variance of noise and samples along one unit gradient, over that of a coin's part in it: a coin adds rate T C with chance 1/2, a step's noise has deviation
 * sigma C, and a note that is in is drawn with variance rate (1 - rate).
 */
function noiseShareOf(plan: AdapterPlan, units: number): number {
  if (plan.kind !== 'dp-sgd') return plainNoiseShare;
  const { noiseMultiplier, samplingRate } = dpSgdMechanism(plan, units);
  return Math.max(plainNoiseShare, (4 * (noiseMultiplier ** 2 + (samplingRate * (1 - samplingRate)) / 2)) / (plan.steps * samplingRate ** 2));
}

export interface PlantedScene {
  readonly training: AdapterTraining;
  /** Units that are in whatever the coins say. */
  readonly beside: readonly TokenizedUnit[];
  readonly planted: readonly TokenizedUnit[];
  readonly classes: number;
}

/**
 * Trains with those planted notes in whose coin says so, throws the model away, and scores each by how far the parameters went along its gradient at the start.
 * A note that is left out is a unit without rows, zero-out adjacency to the letter. The whole model is looked at, as whoever gets it can.
 */
export async function scorePlanted({ training, beside, planted, classes }: PlantedScene, plan: AdapterPlan, isIn: readonly boolean[], onShare: (share: number) => void = () => undefined): Promise<CanaryScores> {
  const units = [...beside, ...planted.map((unit, index) => (isIn[index] ? unit : { ...unit, rows: [] }))];
  const start = await training.start(plan, units);
  const gradients = plantedGradients(await training.gradients(start, planted, plan.unit));
  const { theta } = await training.train(plan, units, onShare);
  const moved = theta.map((value, index) => value - start.theta[index]!);
  const along = alongGradients(gradients, moved, noiseShareOf(plan, units.length));
  return { scores: withinLabels(along, planted.map(({ rows }) => rows[0]!.label), classes), isIn };
}

/**
 * Attacks adapters trained by DP-SGD and their twin that is not private, on the person's own notes, with the real session and trainers: membership inference,
 * planted notes, a lower bound on epsilon. Every model is thrown away; nothing is charged, and the report is for the owner's eyes.
 * @throws what `world.yields` throws, between two steps.
 */
export async function runAdapterAudit(input: AdapterAuditInput): Promise<OwnersEyes<AuditReport>> {
  const { plan: asked, twin, labels, labelSentences, trainers, world, random, onProgress } = input;
  const startedAtMs = world.clock();
  const classes = labels.length;
  const allUnits = input.units.length;
  const plan: DpSgdPlan = { ...asked, validationEpsilon: null };
  const { shape } = trainers[0]!;
  const rows = input.units.flatMap((unit) => unit.rows);
  const counts = { units: allUnits, rows: rows.length, meanTokens: rows.reduce((sum, { ids }) => sum + ids.length, 0) / rows.length, parameters: parameterLayout(shape, { classes, lora: plan.lora }).length };
  const size = input.size ?? adapterAuditSize(plan, twin, counts);
  const units = shuffle(input.units.map((_, index) => index), random).slice(0, size.units).sort((a, b) => a - b).map((from, unit) => ({ ...input.units[from]!, unit }));
  const rate = (one: AdapterPlan, count: number): AdapterPlan => (one.kind === 'dp-sgd' ? atRateOf(one, allUnits, count) : one);

  // ---- progress: trainings done, and the share of the work, for a training lasts minutes ---------------------
  const work = adapterAuditParts(plan, twin, counts, size).flatMap((part) => Array.from({ length: part.times }, () => gradientTokens(part)));
  const allWork = work.reduce((sum, one) => sum + one, 0);
  let [done, workDone] = [0, 0];
  const onShare = (share: number) => onProgress({ phase: 'attacking', done, total: work.length, share: Math.min(1, (workDone + share * (work[done] ?? 0)) / allWork) });
  const onTraining = () => {
    workDone += work[done] ?? 0;
    done++;
    onShare(0);
  };
  onShare(0);

  // ---- the same lots, coins and planted notes for both models ------------------------------------------------------------
  const training = adapterTraining(input);
  const coins = tossPairs(units.length, size.pairs, random);
  const planted = designPlantedNotes(input.units, labelSentences, shape.vocabularySize, size.canaries, random);
  const beside = shuffle(units.slice(), random).slice(0, size.unitsBeside);
  const plantedCoins = Array.from({ length: size.canaryRuns }, () => tossCoins(planted.length, random));

  async function attack(one: AdapterPlan, resultOf: (runs: readonly CanaryScores[]) => CanaryResult): Promise<ModelAudit> {
    const membership = membershipResults(await pairLosses(async (_, seen, scored) => training.logits(await training.train(rate(one, seen.length), seen, onShare), scored), one, units, classes, coins, onTraining));
    const scores: CanaryScores[] = [];
    for (const isIn of plantedCoins) {
      scores.push(await scorePlanted({ training, beside, planted, classes }, rate(one, beside.length + planted.length), isIn, onShare));
      onTraining();
    }
    return { ...membership, canary: resultOf(scores) };
  }

  const mechanism = dpSgdMechanism(plan, allUnits);
  const mu = mechanism.samplingRate === 1 ? Math.sqrt(plan.steps) / mechanism.noiseMultiplier : null;
  const limits = mu === null ? limitsOf([{ mechanism, count: plan.steps }], plan) : gaussianLimits(mu);
  const privateAudit = await attack(plan, (runs) => canaryResult(runs, plan.delta, mu !== null, guessedPlantedShare));
  const plainAudit = await attack(twin, (runs) => canaryResult(runs, plan.delta, false, guessedPlantedShare));
  return forOwnersEyes<AuditReport>({
    kind: 'adapters',
    unit: plan.unit,
    units: units.length,
    allUnits,
    classes,
    epsilon: plan.epsilon,
    delta: plan.delta,
    mu,
    limits,
    membershipRuns: 2 * size.pairs,
    canaryRuns: size.canaryRuns,
    unitsBesideCanaries: beside.length,
    private: privateAudit,
    plain: plainAudit,
    seconds: (world.clock() - startedAtMs) / 1000,
  });
}
