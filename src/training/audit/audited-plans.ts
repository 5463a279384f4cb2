/** Which plans the lab attacks: a private one, and its twin that is not private and has the same parts to train. */
import type { DpSgdPlan, FullBatchHeadPlan, Plan, PlainHeadPlan, PlainLoraPlan } from '../plan.ts';
import type { PlanAlternatives } from '../propose.ts';

export type AuditedPlans =
  | { readonly kind: 'head'; readonly plan: FullBatchHeadPlan; readonly twin: PlainHeadPlan }
  | { readonly kind: 'adapters'; readonly plan: DpSgdPlan; readonly twin: PlainLoraPlan };

/** Trained from its beginning, and once. */
function alone<P extends Plan>(plan: P): P {
  const { continues: _, ...rest } = plan;
  return rest as P;
}

type Reading = Pick<FullBatchHeadPlan, 'maximumLength' | 'clipNorm' | 'featureLayers' | 'featureWeights'>;

/** How a private head reads notes and clips their gradients; nothing where the run had none, or one over layers that the encoder of now lacks: it may have come with a file. */
function readingOf(like: Plan | null, { featureLayers: [last = 0] }: FullBatchHeadPlan): Reading | null {
  if (like?.kind !== 'full-batch-head' || like.featureLayers.some((layer) => layer > last)) return null;
  const { maximumLength, clipNorm, featureLayers, featureWeights } = like;
  return { maximumLength, clipNorm, featureLayers, featureWeights };
}

/**
 * `like`: a run whose settings are taken where it trained the same parts, so that what is attacked is what the person trains; the proposed settings stand in
 * for the other of the two. Of a head the proposed one is attacked, once and at the epsilon asked for, reading and clipping what the run does.
 */
export function auditedPlans(kind: AuditedPlans['kind'], epsilon: number, alternatives: PlanAlternatives, like: Plan | null): AuditedPlans {
  if (kind === 'head') {
    const plan = { ...alternatives['full-batch-head'], ...readingOf(like, alternatives['full-batch-head']), epsilon };
    return { kind, plan, twin: { ...alternatives['plain-head'], maximumLength: plan.maximumLength } };
  }
  const settings = like && (like.kind === 'dp-sgd' || (like.kind === 'plain-lora' && like.lora.layers.length > 0)) ? like : alternatives['dp-sgd'];
  const { maximumLength, lora } = settings;
  const plan = settings.kind === 'dp-sgd' ? alone(settings) : { ...alternatives['dp-sgd'], maximumLength, lora };
  const twin = settings.kind === 'plain-lora' ? alone(settings) : { ...alternatives['plain-lora'], maximumLength, lora };
  // The unit is the data's, whatever the run's was, and delta the ledger's.
  const { unit, delta } = alternatives['dp-sgd'];
  return { kind, plan: { ...plan, unit, delta, epsilon, validationEpsilon: null }, twin: { ...twin, unit } };
}
