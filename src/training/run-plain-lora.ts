import { loraStart, sentenceTheta, startsFromSentences, wholeStart } from './lora-start.ts';
import { startingTheta } from './model-start.ts';
import { plainStepCount, plainSteps } from './plain-steps.ts';
import type { AdapterConfig } from '../engine/parameters.ts';
import type { PlainLayersPlan, PlainLoraPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { loraRows } from './run-features.ts';
import type { SessionInput } from './session-input.ts';
import { SessionRun } from './session-run.ts';

/** LoRA from PEFT's start or whole layers from where they are, and a head from the label sentences where there are few rows. Not private. */
export async function runPlainLora(input: SessionInput, plan: PlainLoraPlan | PlainLayersPlan): Promise<RunEnd> {
  const { labels, training, resumeFrom } = input;
  const { shape } = input.trainers[0]!;
  const classes = labels.length;
  const adapter: AdapterConfig = plan.kind === 'plain-lora' ? { classes, lora: plan.lora } : { classes, lora: null, whole: plan.whole };
  const run = new SessionRun(input, { steps: plainStepCount(plan, training.length), expectedBatch: plan.batchSize, plannedCharges: () => [] });

  await run.onAll((trainer) => trainer.configure(adapter, true));
  const start = adapter.whole ? await wholeStart(run, adapter, plan.seed) : loraStart(shape, adapter, plan.seed);
  const earlier = startingTheta(input);
  const sentences = resumeFrom || earlier ? null : await sentenceTheta(run, start);
  // The chart begins with what the label sentences alone can do, also where training itself starts from a random head.
  const ofSentences = sentences && (await run.reportStep(0, () => loraRows(run, sentences)));
  const isFromSentences = sentences !== null && startsFromSentences(training.length);
  const theta = resumeFrom?.tensors['theta']?.slice() ?? earlier?.slice() ?? (isFromSentences ? sentences.slice() : start.theta);
  const score = () => loraRows(run, theta);
  const atStart = !resumeFrom && earlier ? await run.reportStep(0, score) : isFromSentences ? ofSentences : null;
  const end = await plainSteps(run, plan, theta, (trainer, at, batch) => trainer.plainLoraGradientSum(at, batch), score, atStart);
  return { ...end, run, score, model: { kind: 'lora', labels, maximumLength: plan.maximumLength, adapter, theta } };
}
