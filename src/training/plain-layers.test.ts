import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../engine/bert.ts';
import type { TokenBatch } from '../engine/engine.ts';
import { parseJsonObject } from '../engine/model/json.ts';
import { loadBert } from '../engine/model/load.ts';
import { readSafetensors } from '../engine/model/safetensors.ts';
import { createAdamW } from '../engine/optimizer.ts';
import type { Operations } from '../engine/operations/operations.ts';
import { parameterEntry, parameterLayout } from '../engine/parameters.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import { instantiateKernels } from '../engine/wasm/module.ts';
import { createWasmOperations } from '../engine/wasm/wasm-operations.ts';
import { createTrainer } from './in-process-trainer.ts';
import { plainLayersPlan } from './propose.ts';
import type { PlainLayersPlan } from './plan.ts';
import { tokenBatch } from './row-batches.ts';
import { runSession } from './session.ts';
import { nanoClasses, nanoEngine, nanoFacts, nanoSession, nanoUnits } from './testing/nano-session.ts';

/* A tiny BERT and three steps of AdamW on it by PyTorch in float64; `make.py` in the folder made them. */
const fixture = (name: string) => readFile(new URL(`../fixtures/whole-layers/${name}`, import.meta.url));
const expected = readSafetensors(await fixture('expected.safetensors'));
const given: { readonly rows: readonly number[][]; readonly labels: readonly number[]; readonly classes: number; readonly learning_rate: number; readonly weight_decay: number } = JSON.parse(await fixture('batch.json').then(String));
const weights = loadBert({ config: parseJsonObject(await fixture('config.json'), 'config.json'), tensors: readSafetensors(await fixture('model.safetensors')) });
const batch: TokenBatch = tokenBatch(given.rows.map((row) => Int32Array.from(row)));
const labels = Int32Array.from(given.labels);
const kernels = { simd: () => readFile(new URL('../engine/wasm/kernels.simd.wasm', import.meta.url)), relaxed: () => readFile(new URL('../engine/wasm/kernels.relaxed.wasm', import.meta.url)) };

async function expectThreeSteps<Buffer>(operations: Operations<Buffer>, part: 'top' | 'all'): Promise<void> {
  const adapter = { classes: given.classes, lora: null, whole: part === 'top' ? { topLayers: 1, embeddings: false } : { topLayers: 2, embeddings: true } };
  const engine = createEngine(operations, weights);
  const layout = engine.configure(adapter);
  const theta = engine.initialParameters(adapter);
  const head = parameterEntry(layout, 'classifier.weight').offset;
  for (let i = 0; i < layout.length - head; i++) theta[head + i] = Math.sin(i * 0.7310585786) * 0.3;
  const optimizer = createAdamW(layout.length, { weightDecay: given.weight_decay });
  const gradients: Float32Array[] = [];
  for (let step = 0; step < 3; step++) {
    engine.setParameters(theta);
    const { losses, gradient } = await engine.summedGradient(batch, labels);
    expect(losses.reduce((sum, loss) => sum + loss, 0) / 3).toBeCloseTo(expected.get(`${part}.loss.${step}`)!.values[0]!, 5);
    gradients.push(gradient.map((value) => value / 3));
    optimizer.step(theta, gradients.at(-1)!, given.learning_rate);
  }
  const largest = Math.max(...layout.entries.flatMap(({ name }) => [...expected.get(`${part}.gradient.${name}`)!.values].map(Math.abs)));
  for (const { name, offset, length } of layout.entries) {
    const [wanted, after] = [expected.get(`${part}.gradient.${name}`)!.values, expected.get(`${part}.after.${name}`)!.values];
    for (let i = 0; i < length; i++) {
      // Some thirty float32 operations in a row, as the self-check's gradient.
      expect(Math.abs(gradients[0]![offset + i]! - wanted[i]!), `${name} [${i}]`).toBeLessThan(2e-5 * largest);
      // AdamW divides a gradient by its own size: one of rounding errors alone (the key's bias has no other) may go either way.
      if (gradients.every((one) => one[offset + i] === 0 || Math.abs(one[offset + i]!) > 1e-3 * largest)) expect(Math.abs(theta[offset + i]! - after[i]!), `${name} [${i}] after`).toBeLessThan(0.02 * given.learning_rate);
    }
  }
  engine.dispose();
}

describe('three steps of AdamW are those of PyTorch', () => {
  for (const part of ['top', 'all'] as const) {
    it(`reference: ${part}`, () => expectThreeSteps(createReferenceOperations(), part));
    it(`WebAssembly: ${part}`, async () => expectThreeSteps(createWasmOperations(await instantiateKernels(kernels, 'simd')), part));
  }
});

const plan = (changes: Partial<PlainLayersPlan> = {}): PlainLayersPlan => ({ ...plainLayersPlan(nanoFacts(48)), epochs: 2, batchSize: 8, learningRate: 0.003, whole: { topLayers: 1, embeddings: false }, ...changes });
const thetaOf = async (input: Parameters<typeof runSession>[0]) => {
  const { model } = await runSession(input);
  if (model.kind !== 'lora') throw new Error(model.kind);
  return model.theta;
};

describe('a run that trains whole layers', () => {
  it('learns, moves the layers it names, and says which they are', async () => {
    const { input, progress } = nanoSession(plan({ epochs: 3 }));
    const { model, state } = await runSession(input);
    expect(state).toBe('finished');
    if (model.kind !== 'lora') throw new Error(model.kind);
    expect(model.adapter).toEqual({ classes: nanoClasses, lora: null, whole: { topLayers: 1, embeddings: false } });
    const losses = progress.flatMap(({ heldOut }) => (heldOut?.value ? [heldOut.value.lossNats] : []));
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
    const start = nanoEngine().initialParameters(model.adapter);
    const { entries } = parameterLayout(input.trainers[0]!.shape, model.adapter);
    const still = entries.filter(({ offset, length }) => model.theta.subarray(offset, offset + length).every((value, i) => value === start[offset + i]));
    expect(still).toEqual([]);
  });

  it('is the same on two trainers as on one, but for the order of float32 sums', async () => {
    const [one, two] = [await thetaOf(nanoSession(plan()).input), await thetaOf(nanoSession(plan(), { trainerCount: 2 }).input)];
    // AdamW moves a weight by at most about the rate a step, either way where its gradient is noise: 12 steps.
    const moved = Math.max(...one.map((value, i) => Math.abs(value - two[i]!)));
    expect(moved).toBeLessThan(12 * 0.003);
    expect(one.filter((value, i) => Math.abs(value - two[i]!) > 1e-4).length / one.length).toBeLessThan(0.02);
  });

  it('goes on from a checkpoint as if it had never stopped', async () => {
    const whole = nanoSession(plan());
    const wanted = await thetaOf(whole.input);
    let ms = 0;
    // Every step is saved: time passes between steps alone.
    const cut = nanoSession(plan(), { clock: () => ms, yields: async () => void (ms += 60_000) });
    await runSession(cut.input);
    const half = cut.checkpoints.saved.find(({ step }) => step === 6)!;
    expect(await thetaOf(nanoSession(plan(), { resumeFrom: half }).input)).toEqual(wanted);
  });

  it('goes on from its own model and from no other', async () => {
    const { input } = nanoSession(plan());
    const { model } = await runSession(input);
    const continues = { runId: 'run', runNumber: 1, stepsBefore: 12, noiseMultiplier: null, stepSize: null };
    const next = (whole: PlainLayersPlan['whole']) => nanoSession(plan({ epochs: 1, continues, whole }), { startsFrom: model }).input;
    const { stepsDone } = await runSession(next({ topLayers: 1, embeddings: false }));
    expect(stepsDone).toBe(6);
    await expect(runSession(next({ topLayers: 2, embeddings: false }))).rejects.toThrow('its adapters are others');
  });

  it('reads its prefix from the cache: a trainer with one gives the same bits as one without', async () => {
    const units = nanoUnits(12, nanoClasses, 1);
    const adapter = { classes: nanoClasses, lora: null, whole: { topLayers: 1, embeddings: false } };
    const sums: Float64Array[] = [];
    for (const prefixBytes of [0, 1e6]) {
      const trainer = createTrainer(nanoEngine(), { prefixBytes });
      await trainer.assign(units, 'row');
      await trainer.configure(adapter);
      const theta = await trainer.initialParameters(adapter);
      theta.fill(0.1, theta.length - nanoClasses * 33);
      for (let time = 0; time < 2; time++) sums.push((await trainer.plainLoraGradientSum(theta, units.map(({ unit }) => unit))).sum);
    }
    for (const sum of sums) expect(sum).toEqual(sums[0]);
  });
});
