import { checkInteger, invariant } from '../ground/check.ts';
import { AdaptedEncoder, type Trained, trainedOn } from './adapted-encoder.ts';
import type { Engine, EngineInput } from './engine.ts';
import { checkInput, checkLabels } from './input-check.ts';
import { microBatches, wholeInput } from './micro-batch.ts';
import { type MicroBatchGround, MicroBatchWork } from './micro-batch-work.ts';
import type { BertShape, BertWeights } from './model/weights.ts';
import type { Rehearsal } from './operations/buffers/planned-steps.ts';
import { largestUnitCount } from './operations/clipped-sum/contract.ts';
import type { Operations } from './operations/operations.ts';
import { type AdapterConfig, parameterLayout } from './parameters.ts';
import { clippedSumPass, encodePass, gradientsPass, hiddenPass, logitsPass, summedGradientPass } from './passes.ts';
import { rehearsedSteps, StepPlanner, unplannedSteps, type Pass, type StepLimits } from './step-planner.ts';
import { wholeStart } from './whole-start.ts';
import { unitBoundaries, unitsWithin } from './unit-rows.ts';

export interface EngineOptions {
  /** Tokens computed at a time; the memory of activations follows it. */
  readonly maximumTokens?: number;
  /** Rows computed at a time; the memory of per-example gradients follows it. */
  readonly maximumRows?: number;
  /** Whether `encode` may round its inputs to the frozen maps where the backend is faster so: some 5e-4 of the outputs. Passes that train parameters of the encoder, and what they start from, are never rounded. */
  readonly roundsEncoding?: boolean;
  /** Awaited before each micro-batch: the device rests for as long as it takes. Nothing of the results depends on it. */
  readonly rest?: (() => Promise<void>) | undefined;
  /** Whether activations for the backward pass of adapters are kept in binary16, where the backend can; by the model and what trains where absent. */
  readonly keepsHalves?: boolean;
  /** The most bytes that the engine may hold on its device; what the device gives where absent. */
  readonly budgetBytes?: number;
}

/** Limits of an engine that names none. */
export const defaultLimits: StepLimits = { maximumTokens: 1024, maximumRows: 32, budgetBytes: Infinity };

/** What an engine stands on beside its operations. */
interface Ground extends MicroBatchGround {
  readonly maximumTokens: number;
  readonly roundsEncoding: boolean;
  readonly keepsHalves: boolean | undefined;
  readonly initialParameters: (adapter: AdapterConfig) => Float32Array;
}

/** Parameters of an engine that only notes what it would do. */
const noParameters = () => new Float32Array(0);

/** A pass of the engine as it is rehearsed, with `adapter` and one micro-batch as large as the whole input. */
export function rehearsePass(shape: BertShape, adapter: AdapterConfig | null, { maximumTokens, roundsEncoding = false, keepsHalves }: Pick<EngineOptions, 'roundsEncoding' | 'keepsHalves'> & Pick<StepLimits, 'maximumTokens'>, pass: Pass, input: EngineInput): Rehearsal {
  return async (operations, recorder) => {
    const engine = engineOver(operations, shape, { maximumTokens, roundsEncoding, keepsHalves, cut: wholeInput, steps: rehearsedSteps(recorder), initialParameters: noParameters });
    if (adapter) engine.configure(adapter);
    await pass.again(engine, input);
  };
}

/**
 * BERT (Devlin et al., arXiv 1810.04805), forward and backward, over the fused operations of any backend:
 * a frozen quantized encoder, LoRA pairs, and a linear head on the mean of the last layer's outputs.
 * Throws: `device/step-too-large` from a call whose memory would not fit, before any of it is taken.
 */
export function createEngine<Buffer>(operations: Operations<Buffer>, weights: BertWeights, options: EngineOptions = {}): Engine {
  const { shape } = weights;
  const limits = { ...defaultLimits, ...options };
  operations.load(weights);
  const { steps } = operations;
  return engineOver(operations, shape, {
    maximumTokens: limits.maximumTokens,
    roundsEncoding: options.roundsEncoding ?? false,
    keepsHalves: options.keepsHalves,
    cut(input) {
      checkInput(input, shape);
      return microBatches(input, limits.maximumTokens, shape.width, limits.maximumRows);
    },
    steps: steps ? new StepPlanner(steps, shape, limits, (adapter, pass, input) => steps.rehearse(rehearsePass(shape, adapter, limits, pass, input))) : unplannedSteps,
    initialParameters: (adapter) => wholeStart(weights, parameterLayout(shape, adapter)),
    rest: options.rest,
  });
}

function engineOver<Buffer>(operations: Operations<Buffer>, shape: BertShape, ground: Ground): Engine {
  const { layers: L, width: D } = shape;
  const { maximumTokens, roundsEncoding, keepsHalves, steps, initialParameters } = ground;
  const encoder = new AdaptedEncoder(operations, shape, keepsHalves);
  const microBatchWork = new MicroBatchWork(operations, D, ground);
  let current: Trained<Buffer> | null = null;

  function trained(): Trained<Buffer> {
    invariant(current !== null, 'the engine is configured before its head is used');
    return current;
  }

  /** Hidden states taken above an adapted layer would leave its adapter out. */
  function checkAdapted(input: EngineInput): void {
    if ('hidden' in input) checkInteger('layer of the hidden states', input.layer, 0, trained().firstLayer);
  }

  return {
    backend: operations.backend,
    device: operations.device,
    shape,

    configure(adapter) {
      const earlier = current;
      const next = trainedOn(operations, shape, adapter);
      current = next;
      if (earlier) operations.release(earlier.theta);
      steps.configure(adapter);
      return next.layout;
    },

    initialParameters,

    setParameters(theta) {
      const model = trained();
      invariant(theta.length === model.layout.length, `theta has the ${model.layout.length} values of the layout`);
      operations.write(model.theta, theta);
    },

    async encode(input, layers, onRows) {
      const lowest = 'ids' in input ? 0 : input.layer;
      for (const layer of layers) checkInteger('encoded layer', layer, lowest, L);
      const ascending = [...new Set(layers)].sort((a, b) => a - b);
      const result = new Float32Array((input.offsets.length - 1) * layers.length * D);
      if (layers.length === 0) return result;
      operations.roundInputs?.(roundsEncoding);
      await microBatchWork.eachRead(input, encodePass(ascending), (part, work) => {
        let { x, layer } = encoder.enter(part.input, work);
        return ascending.map((wanted) => {
          x = encoder.run(x, layer, wanted, null, work);
          layer = wanted;
          return { buffer: work.arena.own(operations.meanPool(x, work.sequences)), length: part.rows * D };
        });
      }, async ({ firstRow, rows }, pooled) => {
        for (const [place, asked] of layers.entries()) {
          const values = pooled[ascending.indexOf(asked)]!;
          for (let row = 0; row < rows; row++) result.set(values.subarray(row * D, (row + 1) * D), ((firstRow + row) * layers.length + place) * D);
        }
        await onRows?.(firstRow + rows);
      }).finally(() => operations.roundInputs?.(false));
      return result;
    },

    async hidden(input, layer) {
      checkInteger('layer', layer, 0, L);
      const result = new Float32Array(input.ids.length * D);
      await microBatchWork.each(input, hiddenPass(layer), async ({ input: part, firstToken, tokens }, work) => {
        result.set(await operations.download(encoder.through(part, layer, null, work), tokens * D), firstToken * D);
      });
      return result;
    },

    async logits(input) {
      const model = trained();
      checkAdapted(input);
      const { classes } = model.adapter;
      const result = new Float32Array((input.offsets.length - 1) * classes);
      await microBatchWork.eachRead(
        input, logitsPass,
        (part, work) => [{ buffer: encoder.logits(part, model, work), length: part.rows * classes }],
        async ({ firstRow }, [logits]) => result.set(logits!, firstRow * classes),
      );
      return result;
    },

    async gradients(input, labels) {
      const model = trained();
      const { adapter, layout } = model;
      checkAdapted(input);
      const rows = input.offsets.length - 1;
      checkLabels(labels, rows, adapter.classes);
      const losses = new Float32Array(rows);
      const gradients = new Float32Array(rows * layout.length);
      await microBatchWork.each(input, gradientsPass, async (part, work) => {
        const found = encoder.gradients(part, labels.subarray(part.firstRow, part.firstRow + part.rows), model, work);
        losses.set(await operations.download(found.losses, part.rows), part.firstRow);
        gradients.set(await operations.download(found.gradients, part.rows * layout.length), part.firstRow * layout.length);
      });
      return { losses, gradients };
    },

    async summedGradient(input, labels) {
      const model = trained();
      const { adapter, layout, theta, whole } = model;
      invariant(whole !== null, 'whole layers are configured');
      checkAdapted(input);
      const rows = input.offsets.length - 1;
      checkLabels(labels, rows, adapter.classes);
      const losses = new Float32Array(rows);
      const gradient = operations.zeros(layout.length);
      try {
        await microBatchWork.each(input, summedGradientPass, async (part, work) => {
          const { firstRow, rows: count } = part;
          const found = whole.addGradient(part, labels.subarray(firstRow, firstRow + count), theta, gradient, work, () => encoder.prefix(part.input, model, work));
          losses.set(await operations.download(found, count), firstRow);
        });
        return { losses, gradient: await operations.download(gradient, layout.length) };
      } finally {
        operations.release(gradient);
      }
    },

    async clippedSum(batches, grid) {
      const model = trained();
      const { adapter, layout } = model;
      // A micro-batch ends as many units as it has rows, and those have a token each.
      const rowsAtOnce = Math.max(largestUnitCount(grid), maximumTokens);
      const sums = operations.clippedSums(layout.length, grid, rowsAtOnce);
      const sum = new Float64Array(layout.length);
      const losses: Float32Array[] = [];
      let waiting = 0;
      const read = async () => {
        const found = await sums.read();
        for (let i = 0; i < sum.length; i++) sum[i]! += found.sum[i]!;
        losses.push(found.losses);
        waiting = 0;
      };
      try {
        for await (const batch of batches()) {
          checkAdapted(batch.input);
          const boundaries = unitBoundaries(batch, adapter.classes);
          await microBatchWork.each(batch.input, clippedSumPass, async (part, work) => {
            const { firstRow, rows } = part;
            if (waiting + rows > largestUnitCount(grid)) await read();
            waiting += rows;
            const found = encoder.gradients(part, batch.labels.subarray(firstRow, firstRow + rows), model, work);
            work.arena.seal();
            await sums.add({ ...found, ...unitsWithin(boundaries, firstRow, rows) });
          });
        }
        await read();
      } finally {
        sums.release();
      }
      return { sum, losses: Float32Array.from(losses.flatMap((part) => [...part])) };
    },

    dispose() {
      if (current) operations.release(current.theta);
      current = null;
      operations.dispose();
    },
  };
}
