import { invariant } from '../ground/check.ts';
import { mapRows } from '../ground/orthonormal-map.ts';
import type { Engine, UnitBatch } from '../engine/engine.ts';
import { firstTrainedLayer, parameterLayout, type AdapterConfig } from '../engine/parameters.ts';
import { createGradientAccumulator, gradientGrid, type QuantizedFeatures } from '../privacy/clipping.ts';
import { encodeRows } from './encode-rows.ts';
import { centreRows, softmaxRow } from './features.ts';
import { defaultPrefixBytes, FrozenPrefix } from './frozen-prefix.ts';
import { headGradientSum, quantizeWithBias, type OwnUnit } from './head-gradient.ts';
import { areRightProducts, plainHeadProducts, type HeadProducts } from './head-products.ts';
import type { PooledCache } from './pooled-cache.ts';
import type { PrefixStore } from './prefix-store.ts';
import { pieces } from './row-batches.ts';
import type { FeatureSettings, TokenizedUnit, Trainer } from './trainer.ts';

/** Rows of one batch of units at least: enough to fill a micro-batch of short notes, few enough that their cached frozen outputs are soon gathered. */
const rowsAtATime = 16;

export interface TrainerOptions {
  /** Most bytes of cached frozen outputs. */
  readonly prefixBytes?: number;
  /** Where frozen features outlive the trainer; without it they are computed anew for every run. */
  readonly pooledCache?: PooledCache;
  /** Where cached frozen outputs go that memory has no room for. */
  readonly prefixStore?: PrefixStore;
  /** Opens what makes a head's products faster than plain loops, when a head is first trained; null where this device has nothing of the kind. */
  readonly openHeadProducts?: () => Promise<HeadProducts | null>;
}

/** What was opened, if it gives the right bits; plain loops otherwise, which take longer and come to the same. */
async function trustedProducts(open: () => Promise<HeadProducts | null>): Promise<HeadProducts> {
  const opened = await open().catch(() => null);
  return opened && areRightProducts(opened) ? opened : plainHeadProducts;
}

/** A trainer over an engine of this thread: the whole of it in Node, and what a browser's trainer worker holds. */
export function createTrainer(engine: Engine, { prefixBytes = defaultPrefixBytes, pooledCache, prefixStore, openHeadProducts = async () => null }: TrainerOptions = {}): Trainer {
  const { shape } = engine;
  const prefix = new FrozenPrefix(engine, prefixBytes, prefixStore);
  let mayPrefixLast = false;
  let units: readonly OwnUnit[] = [];
  let rows: readonly Int32Array[] = [];
  let labels: Int32Array = new Int32Array(0);
  let heldOut: readonly Int32Array[] = [];
  let settings: FeatureSettings | null = null;
  /** Of features that were mapped; null while they are whole. */
  let mappedLength: number | null = null;
  /** [rows, D] and [held-out rows, D]. */
  let features: Float32Array = new Float32Array(0);
  let heldOutFeatures: Float32Array = new Float32Array(0);
  let quantized: { readonly biasInput: number; readonly features: QuantizedFeatures } | null = null;
  let adapter: AdapterConfig | null = null;
  let opening: Promise<HeadProducts> | null = null;
  const headProducts = () => (opening ??= trustedProducts(openHeadProducts));

  const featureLength = () => {
    invariant(settings !== null, 'features are prepared before they are used');
    return mappedLength ?? settings.layers.length * shape.width;
  };

  /** The units among `wanted` that this trainer owns, in its own order. */
  function owned(wanted: readonly number[]): readonly OwnUnit[] {
    const asked = new Set(wanted);
    return units.filter(({ unit }) => asked.has(unit));
  }

  /** The chosen units' rows and labels, some at a time. Units are kept whole, so that a person's rows meet before the clip. */
  async function* unitBatches(chosen: readonly OwnUnit[]): AsyncGenerator<UnitBatch> {
    let batch: OwnUnit[] = [];
    let rowCount = 0;
    for (const [place, unit] of chosen.entries()) {
      batch.push(unit);
      rowCount += unit.rows;
      if (rowCount < rowsAtATime && place < chosen.length - 1) continue;
      const indices = batch.flatMap(({ firstRow, rows: count }) => Array.from({ length: count }, (_, i) => firstRow + i));
      const unitOffsets = [0];
      for (const { rows: count } of batch) unitOffsets.push(unitOffsets.at(-1)! + count);
      yield { input: await prefix.input(indices.map((index) => rows[index]!)), labels: Int32Array.from(indices, (index) => labels[index]!), unitOffsets: Int32Array.from(unitOffsets) };
      batch = [];
      rowCount = 0;
    }
  }

  return {
    device: engine.device,
    shape,

    async assign(assigned: readonly TokenizedUnit[]) {
      let firstRow = 0;
      units = assigned.map((item) => {
        const own = { unit: item.unit, firstRow, rows: item.rows.length };
        firstRow += item.rows.length;
        return own;
      });
      rows = assigned.flatMap((item) => item.rows.map(({ ids }) => ids));
      labels = Int32Array.from(assigned.flatMap((item) => item.rows.map(({ label }) => label)));
      settings = null;
      features = new Float32Array(0);
      quantized = null;
      prefix.reset(adapter ? firstTrainedLayer(shape, adapter) : 0, mayPrefixLast);
    },

    async assignHeldOut(assigned) {
      heldOut = assigned;
      heldOutFeatures = new Float32Array(0);
      settings = null;
    },

    async prepareFeatures(by, onRows, isLasting = false) {
      const cache = isLasting ? (pooledCache ?? null) : null;
      features = await encodeRows(engine, rows, by, cache, onRows);
      heldOutFeatures = await encodeRows(engine, heldOut, by, cache, (done) => onRows(rows.length + done));
      settings = by;
      mappedLength = null;
      quantized = null;
    },

    encode: (wanted, by, isLasting = false) => encodeRows(engine, wanted, by, isLasting ? (pooledCache ?? null) : null, () => undefined),

    async featureSum() {
      const accumulator = createGradientAccumulator({ length: featureLength(), clipNorm: 1 });
      for (const { firstRow, rows: count } of units) accumulator.addUnit(features, firstRow, count);
      return accumulator.result();
    },

    async labelCounts(classes) {
      const accumulator = createGradientAccumulator({ length: classes, clipNorm: 1 });
      const counts = new Float64Array(classes);
      for (const { firstRow, rows: count } of units) {
        counts.fill(0);
        for (let row = firstRow; row < firstRow + count; row++) counts[labels[row]!]!++;
        accumulator.addUnit(counts);
      }
      return accumulator.result();
    },

    async centreFeatures(mean, map) {
      invariant(mean.length === featureLength(), 'the mean has the length of a feature');
      centreRows(features, mean);
      centreRows(heldOutFeatures, mean);
      if (map) {
        features = mapRows(features, map, mean.length);
        heldOutFeatures = mapRows(heldOutFeatures, map, mean.length);
        mappedLength = map.length / mean.length;
      }
      quantized = null;
    },

    async headGradientSum(weights, classes, clipNorm, biasInput) {
      if (quantized?.biasInput !== biasInput) quantized = { biasInput, features: quantizeWithBias(features, featureLength(), biasInput) };
      return headGradientSum({ features, quantized: quantized.features, labels, units, weights, classes, biasInput, clipNorm, products: await headProducts() });
    },

    async plainHeadGradientSum({ weights, classes, biasInput }, wanted) {
      const length = featureLength();
      const sum = new Float64Array(weights.length);
      const probabilities = new Float64Array(classes);
      const batch = owned(wanted).flatMap(({ firstRow, rows: count }) => Array.from({ length: count }, (_, i) => firstRow + i));
      // Side by side, so that the weights are converted once a batch and not once a row.
      const inputs = new Float32Array(batch.length * length);
      batch.forEach((row, place) => inputs.set(features.subarray(row * length, (row + 1) * length), place * length));
      const logits = (await headProducts()).headLogits(inputs, batch.length, weights, classes, biasInput);
      batch.forEach((row, place) => {
        const x = inputs.subarray(place * length, (place + 1) * length);
        softmaxRow(logits, place, classes, probabilities);
        probabilities[labels[row]!]! -= 1;
        for (let c = 0; c < classes; c++) {
          const residual = probabilities[c]!;
          const at = c * (length + 1);
          for (let i = 0; i < length; i++) sum[at + i]! += residual * x[i]!;
          sum[at + length]! += residual * biasInput;
        }
      });
      return { sum, rowCount: batch.length };
    },

    async scoreHead({ weights, classes, biasInput }) {
      return (await headProducts()).headLogits(heldOutFeatures, heldOut.length, weights, classes, biasInput);
    },

    async configure(wanted, isLasting = false) {
      mayPrefixLast = isLasting;
      adapter = wanted;
      engine.configure(wanted);
      prefix.reset(firstTrainedLayer(shape, wanted), isLasting);
    },

    async loraGradientSum(theta, wanted, clipNorm) {
      const chosen = owned(wanted);
      const grid = gradientGrid(clipNorm);
      engine.setParameters(theta);
      // A unit without rows is counted and adds nothing; the engine takes no batch of none.
      const { sum } = await engine.clippedSum(() => unitBatches(chosen.filter(({ rows: count }) => count > 0)), grid);
      return { ...grid, sum, unitCount: chosen.length };
    },

    initialParameters: (of) => Promise.resolve(engine.initialParameters(of)),

    async plainLoraGradientSum(theta, wanted) {
      invariant(adapter !== null && theta.length === parameterLayout(shape, adapter).length, 'theta has the layout that was configured');
      const sum = new Float64Array(theta.length);
      let rowCount = 0;
      engine.setParameters(theta);
      for await (const { input, labels: own } of unitBatches(owned(wanted))) {
        // [rows, P], or [1, P] of all rows together.
        const gradients = adapter.whole ? (await engine.summedGradient(input, own)).gradient : (await engine.gradients(input, own)).gradients;
        rowCount += own.length;
        for (let first = 0; first < gradients.length; first += theta.length) for (let i = 0; i < theta.length; i++) sum[i]! += gradients[first + i]!;
      }
      return { sum, rowCount };
    },

    async scoreLora(theta) {
      invariant(adapter !== null, 'the adapter is configured before it is scored');
      engine.setParameters(theta);
      const { classes } = adapter;
      const logits = new Float32Array(heldOut.length * classes);
      let first = 0;
      for (const part of pieces(heldOut, (ids) => ids.length)) {
        logits.set(await engine.logits(await prefix.input(part)), first * classes);
        first += part.length;
      }
      return logits;
    },
  };
}
