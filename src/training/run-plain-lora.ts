import { loraStart, sentenceTheta, startsFromSentences } from './lora-start.ts';
import { plainStepCount, plainSteps } from './plain-steps.ts';
import type { PlainLoraPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { loraRows } from './run-features.ts';
import type { SessionInput } from './session-input.ts';
import { SessionRun } from './session-run.ts';

/** LoRA from PEFT's start, and a head from the label sentences where there are few rows. Not private. */
export async function runPlainLora(input: SessionInput, plan: PlainLoraPlan): Promise<RunEnd> {
  const { labels, training, resumeFrom } = input;
  const { shape } = input.trainers[0]!;
  const adapter = { classes: labels.length, lora: plan.lora };
  const run = new SessionRun(input, { steps: plainStepCount(plan, training.length), expectedBatch: plan.batchSize, plannedCharges: () => [] });

  await run.onAll((trainer) => trainer.configure(adapter));
  const start = loraStart(shape, adapter, plan.seed);
  const sentences = resumeFrom ? null : await sentenceTheta(run, start);
  // The chart begins with what the label sentences alone can do, also where training itself starts from a random head.
  if (sentences) await run.reportStep(0, () => loraRows(run, sentences));
  const theta = resumeFrom?.tensors['theta']?.slice() ?? (sentences && startsFromSentences(training.length) ? sentences.slice() : start.theta);
  const score = () => loraRows(run, theta);
  const end = await plainSteps(run, plan, theta, (trainer, at, batch) => trainer.plainLoraGradientSum(at, batch), score);
  return { ...end, run, score, model: { kind: 'lora', labels, maximumLength: plan.maximumLength, adapter, theta } };
}
