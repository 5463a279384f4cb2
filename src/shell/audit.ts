/** The attack lab inside the guard: reads the notes of a project through the trainers, and trains and attacks models that are thrown away. */
import { mulberry32 } from '../ground/random.ts';
import { oncePerTensor } from '../privacy/key-stream.ts';
import { runAdapterAudit } from '../training/audit/adapter-audit.ts';
import { runAudit, type AuditProgress } from '../training/audit/audit-run.ts';
import type { AuditReport } from '../training/audit/audit-report.ts';
import type { AuditWorld } from '../training/audit/audit-training.ts';
import type { AuditedPlans } from '../training/audit/audited-plans.ts';
import type { Dataset } from '../data/table.ts';
import type { SessionControl } from '../training/session-control.ts';
import type { Split } from '../training/split.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { featureUseOf, grantFeatures } from './feature-store.ts';
import { openHeadProducts } from './kernel-files.ts';
import { createKeyStream } from './key-stream.ts';
import type { ProjectRecord } from './records.ts';
import { prepareRunData } from './run-data.ts';
import { workCancelled } from './shared-work.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

/** What the guard lends to an audit. */
export interface AuditLoan {
  readonly database: BedsideDatabase;
  readonly crew: TrainingCrew;
  readonly project: ProjectRecord;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly encoder: EncoderFacts;
  readonly plans: AuditedPlans;
  /** Pauses it between two steps. */
  readonly control: SessionControl;
}

/** Turns of the worker between steps, that wait out a pause and end the audit once `signal` says so; a clock that stands still in a pause. */
function auditWorld(control: SessionControl, signal: AbortSignal): AuditWorld {
  let pausedMs = 0;
  signal.addEventListener('abort', () => control.resume(), { once: true });
  return {
    createKeys: async () => oncePerTensor(await createKeyStream()),
    openHeadProducts,
    yields: async () => {
      await takeTurn();
      if (control.isPaused && !signal.aborted) {
        const pausedAtMs = performance.now();
        await control.whenRunning();
        pausedMs += performance.now() - pausedAtMs;
      }
      if (signal.aborted) throw workCancelled();
    },
    clock: () => performance.now() - pausedMs,
  };
}

/**
 * Attacks the plan on the project's own training part. Charges nothing, keeps nothing: the models are thrown away, and the report is for the owner's eyes.
 * The held-out part is not read. @throws `cancelled` once `signal` says so.
 */
export async function auditProject({ database, crew, project, dataset, split, encoder, plans, control }: AuditLoan, onProgress: (progress: AuditProgress) => void, signal: AbortSignal): Promise<AuditReport> {
  const world = auditWorld(control, signal);
  const { training: units, labelSentences } = await prepareRunData(dataset, { training: split.training, heldOut: [] }, plans.plan, project.sentences, encoder.tokenizer, world.yields);
  const trainers = await crew.ready();
  const common = { labels: dataset.labels, units, labelSentences, trainers, world, random: mulberry32(crypto.getRandomValues(new Uint32Array(1))[0]!), onProgress };
  if (plans.kind === 'adapters') return (await runAdapterAudit({ ...common, plan: plans.plan, twin: plans.twin })).value;
  const use = trainers[0] ? featureUseOf(plans.plan, dataset.notes.length, encoder, trainers[0].device) : null;
  await crew.lendFeatures(use && (await grantFeatures(database, project, use)));
  try {
    return (await runAudit({ ...common, plan: plans.plan, twin: plans.twin })).value;
  } finally {
    await crew.lendFeatures(null);
  }
}
