/** How much memory a plan takes, before it is begun: an estimate from counts alone, of what grows with the notes. */
import type { BertShape } from '../engine/model/weights.ts';
import { firstTrainedLayer, parameterLayout } from '../engine/parameters.ts';
import { BedsideError } from '../ground/errors.ts';
import { defaultPrefixBytes, prefixNumberBytes } from '../training/frozen-prefix.ts';
import { adapterOf, type Plan } from '../training/plan.ts';
import type { MemoryForecast } from './bedside.service.ts';

export interface MemoryLoad {
  readonly trainingRows: number;
  readonly heldOutRows: number;
  readonly meanTokens: number;
  readonly classes: number;
  /** Rows of the largest unit of the training part. */
  readonly largestUnitRows: number;
  readonly shape: BertShape;
  readonly encoderBytes: number;
  /** What one trainer's engine holds for the plan (`./engine-bytes.ts`). */
  readonly engineBytes: number;
  readonly trainers: number;
}

/** Objects, texts and hashes of one note in the guard: measured on V8, 100,000 notes of 190 letters with persons take 550 bytes each; longer ones take more. */
const bytesANote = 1000;
/** One row of tokens in a worker, beside the tokens themselves: measured at 240. */
const bytesARow = 250;
const float32Bytes = 4;
const float64Bytes = 8;
/** Features of the head, the logits of a step, and the sums of trainers and guard. */
function featureBytes(plan: Plan, { trainingRows, heldOutRows, classes, shape, trainers }: MemoryLoad): number {
  if (plan.kind !== 'full-batch-head' && plan.kind !== 'plain-head' && plan.kind !== 'label-sentences') return 0;
  const length = shape.width * (plan.kind === 'full-batch-head' ? plan.featureLayers.length : 1);
  // Twice, as they are and on the integer grid; and twice while they are read, what a cache has found and what is made of it.
  const rows = plan.kind === 'label-sentences' ? 2 * heldOutRows : 2 * trainingRows + heldOutRows;
  const logits = plan.kind === 'full-batch-head' ? trainingRows * classes * float32Bytes : 0;
  const sums = classes * (length + 1) * float64Bytes * (trainers + 6);
  return rows * (length + 1) * float32Bytes + logits + sums;
}

/** Gradients of adapters: those of a unit's rows meet before the clip, so the largest unit sets the size. */
function gradientBytes(plan: Plan, load: MemoryLoad): number {
  const adapter = adapterOf(plan, load.classes);
  if (!adapter) return 0;
  const parameters = parameterLayout(load.shape, adapter).length;
  const below = firstTrainedLayer(load.shape, adapter);
  const frozen = below === 0 ? 0 : Math.min(load.trainers * defaultPrefixBytes, (load.trainingRows + load.heldOutRows) * load.meanTokens * load.shape.width * prefixNumberBytes);
  // Of whole layers, in numbers of four bytes: a trainer has theta twice, the gradient twice and its sum in float64; the guard the trainers' sums and their own, theta, the mean, two moments, and three of them once more to save.
  if (plan.kind === 'plain-layers') return (8 * load.trainers + 9) * parameters * float32Bytes + frozen;
  const rowsAtOnce = Math.max(16, plan.kind === 'dp-sgd' && plan.unit === 'person' ? load.largestUnitRows : 1);
  return load.trainers * parameters * (2 * rowsAtOnce * float32Bytes + float64Bytes) + 6 * parameters * float64Bytes + frozen;
}

/** What a plan needs at its largest moment, in all workers together, beside what the browser itself takes. */
export function memoryForecast(plan: Plan, load: MemoryLoad, available: number): MemoryForecast {
  const rows = load.trainingRows + load.heldOutRows;
  // Tokens lie in the guard and in the trainers; each trainer keeps the encoder beside its engine, to open the device again.
  const parts = {
    notes: rows * (bytesANote + 2 * (load.meanTokens * float32Bytes + bytesARow)) + load.trainers * (load.encoderBytes + load.engineBytes),
    features: featureBytes(plan, load),
    gradients: gradientBytes(plan, load),
  };
  const neededBytes = parts.notes + parts.features + parts.gradients;
  const largest = parts.gradients > parts.features && parts.gradients > parts.notes ? 'gradients' : parts.features > parts.notes ? 'features' : 'notes';
  return { neededBytes, availableBytes: available, largest, fits: neededBytes <= available };
}

/** A run that would end in a browser that has run out of memory is not begun. */
export function planTooLarge({ neededBytes, availableBytes: available, largest }: MemoryForecast): BedsideError {
  const gigabytes = (bytes: number) => Number((bytes / 2 ** 30).toFixed(1));
  const values = { needed: gigabytes(neededBytes), available: gigabytes(available), largest };
  return new BedsideError('training/too-large', 'settings', `This plan needs about ${values.needed} GB of memory, and about ${values.available} GB can be counted on here.`, 'Train on a part of the notes: split the file and open one part.', values);
}
