import { divided } from '../ground/scaled.ts';
import type { Mechanism } from '../privacy/events.ts';
import { calibrateNoiseMultiplierPld } from '../privacy/pld/calibrate.ts';
import { poissonDraw } from '../privacy/sampling.ts';
import { descentOf } from './descent.ts';
import { keptNoise } from './kept-noise.ts';
import { loraStart, sentenceTheta } from './lora-start.ts';
import { startingTheta } from './model-start.ts';
import { optimizerParts, restoreOptimizer } from './optimizer-checkpoint.ts';
import type { DpSgdPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { loraRows } from './run-features.ts';
import type { SessionInput } from './session-input.ts';
import { SessionRun } from './session-run.ts';
import { streamTensors } from './stream-tensors.ts';

/** Calibrations take some tenths of a second, and forecasts, charges and statements of one plan all ask for its own. */
const calibrated = new Map<string, number>();
const LARGEST_CALIBRATED = 64;

function noiseMultiplierOf(target: { readonly epsilon: number; readonly delta: number; readonly samplingRate: number; readonly steps: number }): number {
  const name = [target.epsilon, target.delta, target.samplingRate, target.steps].join('/');
  const known = calibrated.get(name);
  if (known !== undefined) return known;
  const noiseMultiplier = calibrateNoiseMultiplierPld(target);
  const oldest = calibrated.keys().next();
  if (calibrated.size >= LARGEST_CALIBRATED && !oldest.done) calibrated.delete(oldest.value);
  calibrated.set(name, noiseMultiplier);
  return noiseMultiplier;
}

/** The mechanism of every step: Poisson sampling at the public rate B / N, noise calibrated by PLD to the plan's (epsilon, delta), or that of the run it goes on from. */
export function dpSgdMechanism(plan: DpSgdPlan, units: number): Extract<Mechanism, { kind: 'poisson-gaussian' }> {
  const samplingRate = Math.min(1, plan.expectedBatchSize / units);
  if (plan.continues) return { kind: 'poisson-gaussian', samplingRate, noiseMultiplier: keptNoise(plan.continues).noiseMultiplier };
  return { kind: 'poisson-gaussian', samplingRate, noiseMultiplier: noiseMultiplierOf({ epsilon: plan.epsilon, delta: plan.delta, samplingRate, steps: plan.steps }) };
}

/**
 * DP-SGD (Abadi et al., arXiv 1607.00133) of LoRA and head; the noisy mean goes through the optimizer, which is post-processing.
 * The sum is divided by the expected batch size, an empty draw is a step like any other, and the number of steps is fixed.
 */
export async function runDpSgd(input: SessionInput, plan: DpSgdPlan): Promise<RunEnd> {
  const classes = input.labels.length;
  const { shape } = input.trainers[0]!;
  const adapter = { classes, lora: plan.lora };
  const units = input.training.length;
  const mechanism = dpSgdMechanism(plan, units);
  const expectedBatch = mechanism.samplingRate * units;
  const run = new SessionRun(input, { steps: plan.steps, expectedBatch, isSampled: mechanism.samplingRate < 1, plannedCharges: (steps) => (steps > 0 ? [{ mechanism, count: steps }] : []) });
  const { keys } = run.privateParts();
  const from = input.resumeFrom;

  await run.onAll((trainer) => trainer.configure(adapter));
  let theta = from?.tensors['theta']?.slice() ?? startingTheta(input)?.slice() ?? (await sentenceTheta(run, loraStart(shape, adapter, plan.seed)));
  const { optimizer, learningRate } = descentOf(plan, theta.length, plan.steps);
  if (from) restoreOptimizer(optimizer, from);
  const score = () => loraRows(run, theta);
  const save = () => {
    const parts = optimizerParts(optimizer);
    return run.save({ ...parts.tensors, theta }, parts.counts);
  };
  const end = (state: RunEnd['state'], reason: RunEnd['reason'], stepsDone: number): RunEnd => ({ run, state, reason, stepsDone, score, model: { kind: 'lora', labels: input.labels, maximumLength: plan.maximumLength, adapter, theta } });

  let step = from?.step ?? 0;
  if (step === 0) {
    await save();
    await run.reportStep(0, score);
  }
  while (step < plan.steps) {
    if (!(await run.mayStep())) return end('stopped', 'asked', step);
    const drawn = Array.from(await poissonDraw(keys, step + 1, units, mechanism.samplingRate));
    const at = theta;
    const sums = await run.onAll((trainer) => trainer.loraGradientSum(at, drawn, plan.clipNorm));
    const noisy = await run.release(sums, { step: step + 1, purpose: 'gradient', mechanism, tensor: streamTensors.gradient, expected: { length: theta.length, unitCount: drawn.length, clipNorm: plan.clipNorm } });
    if (noisy === null) return end('stopped', 'budget', step);
    theta = at.slice();
    optimizer.step(theta, divided(noisy, expectedBatch), learningRate(step));
    step++;
    run.countStep(step);
    await save();
    await run.reportStep(step, score);
  }
  return end('finished', null, step);
}
