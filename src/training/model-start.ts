/** The model that a run goes on from, where its plan continues another run. */
import { featureLength, featureSettings } from './features.ts';
import { BedsideError } from '../ground/errors.ts';
import { parameterLayout } from '../engine/parameters.ts';
import { adapterOf, type Plan } from './plan.ts';
import type { SessionInput } from './session-input.ts';
import type { TrainedHead } from './trained-model.ts';
import type { FeatureSettings } from './trainer.ts';

function otherStart(what: string): BedsideError {
  return new BedsideError('training/other-start', 'settings', `The model to train on from does not fit this plan: ${what}. Nothing was charged.`, 'Train on from the results of the run, or train from the start.', { what });
}

/** The features that a plan's head is over; null where it trains none, or adapters. */
function featuresOf(plan: Plan, layers: number): FeatureSettings | null {
  if (plan.kind === 'full-batch-head') return featureSettings(plan);
  return plan.kind === 'plain-head' ? { layers: [layers], weights: [1], isUnitLength: false } : null;
}

/**
 * Holds the model that a plan goes on from to the plan: labels, what is read of a note, shapes; and the plan to what can go on at all.
 * @throws `training/other-start`, before anything is read or charged.
 */
export function checkStart({ plan, labels, trainers, startsFrom: model }: Pick<SessionInput, 'plan' | 'labels' | 'trainers' | 'startsFrom'>): void {
  if (!plan.continues) {
    if (model) throw otherStart('the plan starts from the beginning');
    return;
  }
  if (!model) throw otherStart('there is none');
  if (plan.kind === 'label-sentences') throw otherStart('the label sentences train nothing');
  if (plan.kind === 'full-batch-head' && (plan.meanShare > 0 || plan.balance !== undefined || plan.search)) throw otherStart('steps that go on release neither a mean nor counts, and are no search');
  if (model.labels.length !== labels.length || model.labels.some((label, index) => label !== labels[index])) throw otherStart('its labels are others');
  if (model.maximumLength !== plan.maximumLength) throw otherStart('it reads another length of a note');
  const { shape } = trainers[0]!;
  const classes = labels.length;
  const adapter = adapterOf(plan, classes);
  if (adapter) {
    if (model.kind !== 'lora') throw otherStart('it has no adapters');
    const { lora, whole } = model.adapter;
    if (JSON.stringify([lora, whole]) !== JSON.stringify([adapter.lora, adapter.whole]) || model.theta.length !== parameterLayout(shape, adapter).length) throw otherStart('its adapters are others');
    return;
  }
  if (model.kind !== 'head') throw otherStart('it has adapters');
  const features = featuresOf(plan, shape.layers)!;
  if (JSON.stringify(model.features) !== JSON.stringify(features)) throw otherStart('its features are others');
  const length = featureLength(features, shape.width);
  if (model.weights.length !== classes * (length + 1) || (model.mean !== null && model.mean.length !== length)) throw otherStart('its shape is another');
  if (model.biasInput !== (plan.kind === 'full-batch-head' ? plan.biasInput : 1)) throw otherStart('its bias is another');
  if (plan.kind === 'plain-head' && model.mean !== null) throw otherStart('it centres its features');
}

/** The head that a run goes on from; null for the others. Checked by `checkStart`. */
export function startingHead({ startsFrom }: Pick<SessionInput, 'startsFrom'>): Pick<TrainedHead, 'weights' | 'mean'> | null {
  return startsFrom?.kind === 'head' ? startsFrom : null;
}

/** Parameters of adapters and head that a run goes on from; null for the others. Checked by `checkStart`. */
export function startingTheta({ startsFrom }: Pick<SessionInput, 'startsFrom'>): Float32Array | null {
  return startsFrom?.kind === 'lora' ? startsFrom.theta : null;
}
