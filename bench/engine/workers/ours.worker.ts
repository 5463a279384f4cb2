/** Our engine as a trainer worker holds it: the same operations, engine and trainer as in the app. */
import { createEngine, type EngineOptions } from '../../../src/engine/bert.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Operations } from '../../../src/engine/operations/operations.ts';
import { createReferenceOperations } from '../../../src/engine/reference/reference-operations.ts';
import { instantiateKernels, type KernelBinaries } from '../../../src/engine/wasm/module.ts';
import relaxedUrl from '../../../src/engine/wasm/kernels.relaxed.wasm?url';
import simdUrl from '../../../src/engine/wasm/kernels.simd.wasm?url';
import type { GpuDevice } from '../../../src/engine/webgpu/device.ts';
import type { VariantQuestion } from '../../../src/engine/webgpu/variant-question.ts';
import { createWasmOperations, wasmMicroBatchTokens } from '../../../src/engine/wasm/wasm-operations.ts';
import { createTrainer } from '../../../src/training/in-process-trainer.ts';
import { tokenBatch } from '../../../src/training/row-batches.ts';
import type { Trainer } from '../../../src/training/trainer.ts';
import { clipNorm } from '../workload/step-work.ts';
import { aroundOperations, summedGradients, type Around } from './around-operations.ts';
import { countGpuCalls } from '../../../src/shell/gpu-counts.ts';
import { timeGpuPasses } from './gpu-timestamps.ts';
import { privateHead } from './private-head.ts';
import { serve, type BenchEngine, type Opened } from './serve.ts';

async function fetched(url: string): Promise<ArrayBuffer> {
  return (await fetch(new URL(url, import.meta.url))).arrayBuffer();
}

const kernels: KernelBinaries = { simd: () => fetched(simdUrl), relaxed: () => fetched(relaxedUrl) };

/** As the app opens it. */
const onWasm: EngineOptions = { maximumTokens: wasmMicroBatchTokens };

async function trainerOf(engine: Engine, { step }: Opened): Promise<Trainer> {
  const trainer = createTrainer(engine);
  await trainer.configure(step.adapter);
  await trainer.assign(step.rows.map((ids, row) => ({ unit: row, rows: [{ ids, label: step.labels[row]! }] })), 'row');
  return trainer;
}

async function tasksOf<Buffer>(opened: Opened, createOperations: () => Promise<Operations<Buffer>>, sizeBytes: () => number, breakdown: () => Promise<Float32Array>, counts: () => Record<string, number>, options: EngineOptions = {}): Promise<BenchEngine> {
  const { weights, step } = opened;
  const operations = await createOperations();
  const engine = createEngine(operations, weights, options);
  const trainer = await trainerOf(engine, opened);
  const all = step.rows.map((_, row) => row);
  let summed: Engine | null = null;
  return {
    device: engine.device,
    counts: () => ({ ...counts(), memoryBytes: sizeBytes() }),
    tasks: {
      async step() {
        const { sum, gridScale } = await trainer.loraGradientSum(step.theta, all, clipNorm);
        return Float32Array.from(sum, (value) => value / gridScale);
      },
      async 'step-unclipped'() {
        const { sum } = await trainer.plainLoraGradientSum(step.theta, all);
        return Float32Array.from(sum);
      },
      async 'step-summed'() {
        if (!summed) {
          summed = createEngine(summedGradients(await createOperations()), weights, options);
          summed.configure(step.adapter);
        }
        summed.setParameters(step.theta);
        const { gradients } = await summed.gradients(tokenBatch(step.rows), step.labels);
        const sum = new Float32Array(step.theta.length);
        for (let row = 0; row < step.rows.length; row++) for (let i = 0; i < sum.length; i++) sum[i]! += gradients[row * sum.length + i]!;
        return sum;
      },
      forward: () => engine.hidden(tokenBatch(step.rows), weights.shape.layers),
      breakdown,
    },
  };
}

async function openOnWasm(opened: Opened): Promise<BenchEngine> {
  // Of the first, which trains as the app does; the others are there to be compared with it.
  let memory: (() => number) | null = null;
  const createOperations = async () => {
    const operations = createWasmOperations(await instantiateKernels(kernels));
    if (opened.variant === 'rounded') operations.roundInputs?.(true);
    memory ??= () => operations.memoryBytes;
    return operations;
  };
  let times: Record<string, number> = {};
  const around: Around = (name, compute) => {
    const start = performance.now();
    const result = compute();
    times[`ms ${name}`] = (times[`ms ${name}`] ?? 0) + performance.now() - start;
    return result;
  };
  let timed: Trainer | null = null;
  const breakdown = async () => {
    timed ??= await trainerOf(createEngine(aroundOperations(await createOperations(), around), opened.weights, onWasm), opened);
    times = {};
    const { sum } = await timed.loraGradientSum(opened.step.theta, opened.step.rows.map((_, row) => row), clipNorm);
    return Float32Array.from(sum);
  };
  return tasksOf(opened, createOperations, () => memory?.() ?? 0, breakdown, () => times, onWasm);
}

/** Milliseconds of every candidate of every choice of kernels that compiles on the device. */
async function candidateTimes(device: GpuDevice): Promise<Record<string, number>> {
  const [{ candidatesOn, variantQuestions }, { variantTimes }] = await Promise.all([import('../../../src/engine/webgpu/kernel-variants.ts'), import('../../../src/engine/webgpu/tune-device.ts')]);
  const times: Record<string, number> = {};
  for (const [choice, question] of Object.entries<VariantQuestion<string | number>>(variantQuestions)) {
    const candidates = candidatesOn(question, (feature) => device.hasFeature(feature));
    for (const [candidate, milliseconds] of await variantTimes(device, question, candidates, () => performance.now())) times[`ms ${choice} ${candidate}`] = milliseconds;
  }
  return times;
}

async function openOnWebGpu(opened: Opened): Promise<BenchEngine> {
  const timing = opened.variant === 'timed' ? timeGpuPasses() : null;
  const count = countGpuCalls();
  const [{ acquireGpuDevice }, { createWebGpuOperations }, { env }] = await Promise.all([import('../../../src/engine/webgpu/device.ts'), import('../../../src/engine/webgpu/webgpu-operations.ts'), import('@tensorflow/tfjs-core')]);
  const device = await acquireGpuDevice();
  // A pass of its own for every launch, so that its time is known.
  if (timing) env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', 1);
  let times: Record<string, number> = {};
  let timed: Trainer | null = null;
  const breakdown = async () => {
    if (!timing) throw new Error('Open this worker as `timed` for a breakdown.');
    timed ??= await trainerOf(createEngine(aroundOperations(createWebGpuOperations(device), timing.around), opened.weights), opened);
    await timing.take();
    const { sum } = await timed.loraGradientSum(opened.step.theta, opened.step.rows.map((_, row) => row), clipNorm);
    times = Object.fromEntries([...(await timing.take()).byOperation].map(([name, milliseconds]) => [`ms ${name}`, milliseconds]));
    return Float32Array.from(sum);
  };
  if (opened.variant === 'variants') {
    const variants = async () => {
      times = await candidateTimes(device);
      return new Float32Array(0);
    };
    return { device: device.name, tasks: { variants }, counts: () => times };
  }
  const isKept = opened.variant === 'halves' || opened.variant === 'floats';
  // All of the batch at once, as it was planned.
  const options: EngineOptions = isKept ? { keepsHalves: opened.variant === 'halves', maximumTokens: opened.step.rows.reduce((sum, { length }) => sum + length, 0) } : {};
  return tasksOf(opened, async () => createWebGpuOperations(device), () => device.allocatedBytes, breakdown, () => ({ ...(count?.() ?? {}), ...times }), options);
}

serve(async (opened) => {
  if (opened.variant === 'head') {
    const compute = await privateHead();
    return { device: 'WebAssembly and JavaScript', tasks: { head: async () => compute() } };
  }
  if (opened.variant === 'reference') {
    // The definition of every operation, in plain loops: what an engine's error is measured against. One row: it is slow.
    const engine = createEngine(createReferenceOperations(), opened.weights);
    return { device: engine.device, tasks: { forward: () => engine.hidden(tokenBatch(opened.step.rows.slice(0, 1)), opened.weights.shape.layers) } };
  }
  return opened.backend === 'wasm' ? openOnWasm(opened) : openOnWebGpu(opened);
});
