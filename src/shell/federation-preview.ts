import { npyHead, toNpy } from '../federation/arrays.ts';
import type { Task, TaskHead } from '../federation/task.ts';
import { previewUpdate, type PreviewedUpdate } from '../training/federated-preview.ts';
import { projectedHead } from '../training/federated-projection.ts';
import { federatedFeatures } from '../training/federated-task.ts';
import { labelStart, usualLabelScale } from '../training/full-batch-head.ts';
import type { Trainer } from '../training/trainer.ts';
import type { EncoderFacts } from './encoder.ts';
import { featureUseOf, grantFeatures } from './feature-store.ts';
import type { BedsideDatabase } from './database.ts';
import type { Participant } from './federation-fit.ts';
import type { UpdatePreview } from './federation.service.ts';
import { createKeyStream } from './key-stream.ts';
import { prepareRunData } from './run-data.ts';
import { workCancelled } from './shared-work.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

const barCount = 40;
/** Numbers beyond this share of all, counted by size, lie outside the bars. */
const shownShare = 0.999;
const shownBytes = 64;

/** One update of the training part for the owner's eyes, at the model that the coordinator's command begins with. The caller holds the training lock. */
export async function updatePreview(parts: { readonly database: BedsideDatabase; readonly crew: TrainingCrew; readonly encoder: EncoderFacts }, task: Task, { project, dataset, subject, plan, head }: Participant, signal: AbortSignal): Promise<UpdatePreview> {
  const { database, crew, encoder } = parts;
  const yields = async () => {
    await takeTurn();
    if (signal.aborted) throw workCancelled();
  };
  const { training } = await prepareRunData({ labels: task.labels }, { training: subject.split.training, heldOut: [] }, plan, {}, encoder.tokenizer, yields);
  const trainers = await crew.ready();
  crew.claim({});
  const use = trainers[0] ? featureUseOf(plan, dataset.notes.length, encoder, trainers[0].device) : null;
  await crew.lendFeatures(use && (await grantFeatures(database, project, use)));
  try {
    const model = await firstModel(trainers[0]!, encoder, task, head);
    const { value } = await previewUpdate({ task, trainers, training, unit: plan.unit, baseModel: encoder.report.sha256, model, keys: await createKeyStream(), onRows: async () => { await yields(); return true; } });
    return pictureOf(value);
  } finally {
    await crew.lendFeatures(null);
  }
}

/** What the coordinator's command starts from, made from the task's label sentences: another start would give a picture like it. */
async function firstModel(trainer: Trainer, { tokenizer, shape }: EncoderFacts, { labels, labelSentences }: Task, head: TaskHead): Promise<Float32Array> {
  const [layer, weight] = [head.featureLayers[0]!, head.featureWeights[0]!];
  const sentences = await trainer.encode(labelSentences.map((sentence) => tokenizer.encode(sentence, head.maximumLength).ids), { ...federatedFeatures(head), layers: [layer], weights: [1] });
  return projectedHead(head, labelStart(sentences, labels.length, shape.width, head.publicMean.length, usualLabelScale / Math.sqrt(weight)));
}

/** Bars that hold nearly all numbers of both, and the first bytes of what would be sent. */
export function pictureOf({ before, after }: PreviewedUpdate): UpdatePreview {
  const sizes = Float32Array.from([...before, ...after], Math.abs).sort();
  const reach = sizes[Math.ceil(shownShare * sizes.length) - 1]! || 1;
  const edges = Array.from({ length: barCount + 1 }, (_, i) => reach * ((2 * i) / barCount - 1));
  return {
    edges,
    before: barsOf(before, reach),
    after: barsOf(after, reach),
    spreadBefore: deviationOf(before),
    spreadAfter: deviationOf(after),
    firstBytes: [...toNpy(after, [after.length]).subarray(npyHead([after.length]).length).subarray(0, shownBytes)],
  };
}

function barsOf(values: Float32Array, reach: number): number[] {
  const bars = new Array<number>(barCount).fill(0);
  for (const value of values) if (Math.abs(value) <= reach) bars[Math.min(barCount - 1, Math.floor(((value / reach + 1) / 2) * barCount))]! += 1;
  return bars;
}

function deviationOf(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
