/** The attack lab inside the guard: reads the notes of a project through the trainers, and trains and attacks models on the guard's own thread. */
import { mulberry32 } from '../ground/random.ts';
import { oncePerTensor } from '../privacy/key-stream.ts';
import { runAudit, type AuditProgress } from '../training/audit/audit-run.ts';
import type { AuditReport } from '../training/audit/audit-report.ts';
import type { FullBatchHeadPlan, PlainHeadPlan } from '../training/plan.ts';
import type { Dataset } from '../data/table.ts';
import type { Split } from '../training/split.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { featureUseOf, grantFeatures } from './feature-store.ts';
import { createKeyStream } from './key-stream.ts';
import type { ProjectRecord } from './records.ts';
import { prepareRunData } from './run-data.ts';
import { workCancelled } from './shared-work.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

/** What the guard lends to an audit. */
export interface AuditParts {
  readonly database: BedsideDatabase;
  readonly crew: TrainingCrew;
  readonly project: ProjectRecord;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly encoder: EncoderFacts;
  readonly plan: FullBatchHeadPlan;
  readonly twin: PlainHeadPlan;
}

/**
 * Attacks the plan on the project's own training part. Charges nothing, keeps nothing: the models are thrown away, and the report is for the owner's eyes.
 * The held-out part is not read. @throws `cancelled` once `signal` says so.
 */
export async function auditProject({ database, crew, project, dataset, split, encoder, plan, twin }: AuditParts, onProgress: (progress: AuditProgress) => void, signal: AbortSignal): Promise<AuditReport> {
  const yields = async () => {
    await takeTurn();
    if (signal.aborted) throw workCancelled();
  };
  const { training, labelSentences } = await prepareRunData(dataset, { training: split.training, heldOut: [] }, plan, project.sentences, encoder.tokenizer, yields);
  const trainers = await crew.ready();
  const use = trainers[0] ? featureUseOf(plan, dataset.notes.length, encoder, trainers[0].device) : null;
  await crew.lendFeatures(use && (await grantFeatures(database, project, use)));
  try {
    const { value } = await runAudit({
      plan, twin, labels: dataset.labels, units: training, labelSentences, trainers,
      world: { createKeys: async () => oncePerTensor(await createKeyStream()), yields, clock: () => performance.now() },
      random: mulberry32(crypto.getRandomValues(new Uint32Array(1))[0]!),
      onProgress,
    });
    return value;
  } finally {
    await crew.lendFeatures(null);
  }
}
