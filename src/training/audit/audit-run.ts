import { shuffle } from '../../ground/random.ts';
import { forOwnersEyes, type OwnersEyes } from '../../privacy/doors.ts';
import { gaussianMu } from '../../privacy/gaussian.ts';
import type { FullBatchHeadPlan, Plan, PlainHeadPlan } from '../plan.ts';
import type { TokenizedUnit, Trainer } from '../trainer.ts';
import type { AuditReport, ModelAudit } from './audit-report.ts';
import { auditTraining, type AuditTraining, type AuditWorld } from './audit-training.ts';
import { canariesARun, designCanaries } from './canaries.ts';
import { gaussianLimits } from './attack-limits.ts';
import { canaryGround, canaryResult, scoreCanaries, tossCoins, type CanaryScores } from './canary-audit.ts';
import { membershipResults, pairLosses, tossPairs, type PairCoins } from './membership-audit.ts';
import { joinTables, readPooled, tableRow } from './pooled-table.ts';

/** How much an audit does. */
export interface AuditSize {
  /** Units attacked; more are left out by lot. */
  readonly units: number;
  /** Pairs of trainings for membership, 2 at least. */
  readonly pairs: number;
  readonly canaryRuns: number;
}

const mostUnits = 1500;
/** Units times labels up to which an audit takes its full number of trainings: half a minute to two minutes of one core. */
const fullSizeWork = 40_000;

/** By public counts alone. */
export function auditSize(units: number, classes: number): AuditSize {
  const attacked = Math.min(units, mostUnits);
  const share = Math.min(1, fullSizeWork / (attacked * classes));
  return { units: attacked, pairs: Math.max(2, Math.round(4 * share)), canaryRuns: Math.max(2, Math.round(4 * share)) };
}

export interface AuditInput {
  readonly plan: FullBatchHeadPlan;
  readonly twin: PlainHeadPlan;
  readonly labels: readonly string[];
  /** Units of the training part, grouped by the plan's unit. */
  readonly units: readonly TokenizedUnit[];
  readonly labelSentences: readonly Int32Array[];
  readonly trainers: readonly Trainer[];
  readonly size?: AuditSize;
  readonly world: AuditWorld;
  /** For coins, lots and canaries: not the stream that noise is drawn from. */
  readonly random: () => number;
  readonly onProgress: (progress: AuditProgress) => void;
}

export interface AuditProgress {
  readonly phase: 'reading' | 'attacking';
  /** Rows read, or trainings done. */
  readonly done: number;
  readonly total: number;
  /** Of all work of the phase, 0 to 1, where trainings are long or unlike one another. */
  readonly share?: number;
}

/** Everything that both models are attacked with: the same notes, coins and canaries. */
interface Stage {
  readonly classes: number;
  readonly delta: number;
  readonly units: readonly TokenizedUnit[];
  readonly coins: PairCoins;
  readonly canaries: readonly TokenizedUnit[];
  /** Of each training with canaries. Shapes: [runs][m]. */
  readonly canaryCoins: readonly (readonly boolean[])[];
  readonly train: AuditTraining;
  readonly onTraining: () => void;
}

async function auditModel(stage: Stage, plan: Plan): Promise<ModelAudit> {
  const { train, units, classes, coins, canaries, canaryCoins, delta, onTraining } = stage;
  const membership = membershipResults(await pairLosses(train, plan, units, classes, coins, onTraining));
  const scores: CanaryScores[] = [];
  const ground = await canaryGround({ train, plan, units, canaries, classes });
  onTraining();
  for (const isIn of canaryCoins) {
    scores.push(await scoreCanaries(ground, isIn));
    onTraining();
  }
  return { ...membership, canary: canaryResult(scores, delta, plan.kind === 'full-batch-head') };
}

/**
 * Attacks the private head and its twin that is not private, on the person's own notes, with the real session: membership inference, canaries, lower bounds.
 * Every model is trained for the audit and thrown away; nothing is charged, and the report is for the owner's eyes.
 * @throws what `world.yields` throws, within a step.
 */
export async function runAudit(input: AuditInput): Promise<OwnersEyes<AuditReport>> {
  const { plan, twin, labels, labelSentences, trainers, world, random, onProgress } = input;
  const startedAtMs = world.clock();
  const classes = labels.length;
  const size = input.size ?? auditSize(input.units.length, classes);
  const chosen = shuffle(input.units.map((_, index) => index), random).slice(0, size.units).sort((a, b) => a - b).map((index) => input.units[index]!);

  // ---- reading: every row once --------------------------------------------------------------------
  const layers = [...new Set([...plan.featureLayers, trainers[0]!.shape.layers])];
  const rows = chosen.flatMap((unit) => unit.rows.map(({ ids }) => ids));
  onProgress({ phase: 'reading', done: 0, total: rows.length });
  const notes = await readPooled(trainers, rows, layers, true, async (done) => {
    onProgress({ phase: 'reading', done, total: rows.length });
    await world.yields();
  });
  const sentences = await readPooled(trainers, labelSentences, layers, false, world.yields);

  // ---- attacking ------------------------------------------------------------------------------------
  const total = 2 * (2 * size.pairs + size.canaryRuns + 1);
  let done = 0;
  onProgress({ phase: 'attacking', done, total });
  const onTraining = () => onProgress({ phase: 'attacking', done: ++done, total });
  const canaries = designCanaries(notes, sentences, classes, canariesARun(notes.shape.width), random);
  let next = 0;
  const inTable = (row: { readonly label: number }) => ({ label: row.label, ids: tableRow(next++) });
  const units = chosen.map((unit, index) => ({ unit: index, rows: unit.rows.map(inTable) }));
  const sentenceRows = labelSentences.map(() => tableRow(next++));
  const stage: Stage = {
    classes,
    delta: plan.delta,
    units,
    coins: tossPairs(units.length, size.pairs, random),
    canaries: canaries.labels.map((label, unit) => ({ unit, rows: [inTable({ label })] })),
    canaryCoins: Array.from({ length: size.canaryRuns }, () => tossCoins(canaries.labels.length, random)),
    train: auditTraining(joinTables(notes, sentences, canaries.table), labels, sentenceRows, world),
    onTraining,
  };
  const privateAudit = await auditModel(stage, { ...plan, validationEpsilon: null });
  const plainAudit = await auditModel(stage, twin);
  return forOwnersEyes<AuditReport>({
    kind: 'head',
    unit: plan.unit,
    units: units.length,
    allUnits: input.units.length,
    classes,
    epsilon: plan.epsilon,
    delta: plan.delta,
    mu: gaussianMu(plan.epsilon, plan.delta),
    limits: gaussianLimits(gaussianMu(plan.epsilon, plan.delta)),
    membershipRuns: 2 * size.pairs,
    canaryRuns: size.canaryRuns,
    unitsBesideCanaries: units.length,
    private: privateAudit,
    plain: plainAudit,
    seconds: (world.clock() - startedAtMs) / 1000,
  });
}
