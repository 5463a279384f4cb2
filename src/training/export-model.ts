import { zipSync } from 'fflate';
import type { BertShape } from '../engine/model/weights.ts';
import { utf8ToBytes } from '../ground/bytes.ts';
import { releasableBecause, type Releasable } from '../privacy/doors.ts';
import { modelFiles } from './exported-tensors.ts';
import { modelCard, type ModelCardFacts } from './model-card.ts';
import { isPrivate, type Plan } from './plan.ts';
import { mergeScript, predictScript } from './predict-script.ts';
import type { TrainedModel } from './trained-model.ts';

/**
 * A trained model as something that may leave, or null: parameters of a private run were charged, label sentences are public.
 * A plain model is a function of the notes; only its owner may let it out, by a deliberate act (`releasedByOwner`).
 */
export function releasableModel(plan: Plan, model: TrainedModel): Releasable<TrainedModel> | null {
  if (isPrivate(plan)) return releasableBecause('charged', model);
  return plan.kind === 'label-sentences' ? releasableBecause('public', model) : null;
}

/** The exported folder as files by name: tensors, settings, model card, `predict.py`. No row, no row hash, no exact score. */
export function exportedFiles(model: Releasable<TrainedModel>, shape: BertShape, card: ModelCardFacts): Releasable<ReadonlyMap<string, Uint8Array>> {
  const files = modelFiles(model.value, shape, card.baseModel);
  files.set('labels.json', utf8ToBytes(`${JSON.stringify(Object.fromEntries(model.value.labels.map((label, index) => [index, label])), null, 2)}\n`));
  files.set('README.md', utf8ToBytes(modelCard(card)));
  files.set('predict.py', utf8ToBytes(predictScript));
  if (model.value.kind === 'lora' && model.value.adapter.whole) files.set('merge.py', utf8ToBytes(mergeScript));
  return releasableBecause('post-processing', files);
}

/** The folder inside an exported zip. The same for every model: the name of a project may be that of a person or a clinic, and is on no public list. */
export const exportedFolder = 'bedside-model';

/** The exported folder as a zip. The same content gives the same bytes. */
export function exportedZip(files: Releasable<ReadonlyMap<string, Uint8Array>>): Releasable<Uint8Array> {
  const entries = Object.fromEntries([...files.value].map(([file, bytes]) => [`${exportedFolder}/${file}`, bytes] as const));
  // Zip's earliest date: a fixed one, so that the file does not tell when it was made.
  return releasableBecause('post-processing', zipSync(entries, { mtime: '1980-01-01T00:00:00', level: 6 }));
}
