import type { BertShape, BertWeights, LayerNorm, Linear } from '../model/weights.ts';
import { frozenLinear } from '../operations/linear/frozen-linear.ts';
import type { NormName } from '../operations/layer-norm/contract.ts';
import type { LinearName } from '../operations/linear/contract.ts';
import { unsupportedWidth } from './device-errors.ts';
import type { DeviceBuffer, LaunchDevice } from './device.ts';
import { dequantize, packRows, packTransposed, snormScales } from './packed-matrix.ts';

/** A frozen linear map on the device, y = x · Wᵀ + b with W [N, K]. */
export interface FrozenLinear {
  readonly N: number;
  readonly K: number;
  readonly weight: DeviceBuffer;
  readonly scale: DeviceBuffer;
  readonly bias: DeviceBuffer;
}

export interface FrozenNorm {
  readonly gain: DeviceBuffer;
  readonly bias: DeviceBuffer;
}

export type FrozenLayer = Readonly<Record<LinearName, FrozenLinear> & Record<NormName, FrozenNorm>>;

/** The frozen encoder on the device. */
export interface FrozenWeights {
  readonly shape: BertShape;
  readonly word: DeviceBuffer;
  readonly wordScale: DeviceBuffer;
  /** Position embeddings plus token type 0, in float32. */
  readonly position: DeviceBuffer;
  readonly embeddingNorm: FrozenNorm;
  readonly layers: readonly FrozenLayer[];
}

function checkWidths({ width, heads, feedForwardWidth }: BertShape): void {
  const widths = { width, 'head width': width / heads, 'feed-forward width': feedForwardWidth };
  for (const [name, found] of Object.entries(widths)) {
    if (found % 4 !== 0) throw unsupportedWidth(name, found);
  }
}

function positionsWithTokenType({ positionEmbeddings, tokenTypeEmbeddings }: BertWeights): Float32Array {
  const { columns } = positionEmbeddings;
  const tokenType = dequantize(tokenTypeEmbeddings).subarray(0, columns);
  return dequantize(positionEmbeddings).map((value, i) => value + tokenType[i % columns]!);
}

/**
 * Puts an encoder on the device.
 * Throws: `device/unsupported-width` where a width is not a multiple of 4, `device/buffer-too-large`.
 */
export function loadFrozenWeights(device: LaunchDevice, weights: BertWeights): FrozenWeights {
  checkWidths(weights.shape);
  const norm = ({ weight, bias }: LayerNorm): FrozenNorm => ({ gain: device.upload(weight), bias: device.upload(bias) });
  const linear = ({ weight, bias }: Linear): FrozenLinear => ({
    N: weight.rows,
    K: weight.columns,
    weight: device.upload(packTransposed(weight)),
    scale: device.upload(snormScales(weight)),
    bias: device.upload(bias),
  });
  return {
    shape: weights.shape,
    word: device.upload(packRows(weights.wordEmbeddings)),
    wordScale: device.upload(snormScales(weights.wordEmbeddings)),
    position: device.upload(positionsWithTokenType(weights)),
    embeddingNorm: norm(weights.embeddingNorm),
    layers: weights.layers.map((layer) => ({
      queryKeyValue: linear(frozenLinear(layer, 'queryKeyValue')),
      attentionOutput: linear(layer.attentionOutput),
      intermediate: linear(layer.intermediate),
      output: linear(layer.output),
      attentionNorm: norm(layer.attentionNorm),
      outputNorm: norm(layer.outputNorm),
    })),
  };
}

/** Buffers as large as those of an encoder of that shape, without its values. */
export function frozenPlaces(device: LaunchDevice, shape: BertShape): FrozenWeights {
  const { width: D, feedForwardWidth: F, vocabularySize: V } = shape;
  const norm = (): FrozenNorm => ({ gain: device.allocate(D), bias: device.allocate(D) });
  const linear = (N: number, K: number): FrozenLinear => ({ N, K, weight: device.allocate((N * K) / 4, 'int32'), scale: device.allocate(N), bias: device.allocate(N) });
  return {
    shape,
    word: device.allocate((V * D) / 4, 'int32'),
    wordScale: device.allocate(V),
    position: device.allocate(shape.maximumPositions * D),
    embeddingNorm: norm(),
    layers: Array.from({ length: shape.layers }, () => ({
      queryKeyValue: linear(3 * D, D), attentionOutput: linear(D, D), intermediate: linear(F, D), output: linear(D, F), attentionNorm: norm(), outputNorm: norm(),
    })),
  };
}

/** Every device buffer of the encoder. */
export function frozenBuffers({ word, wordScale, position, embeddingNorm, layers }: FrozenWeights): DeviceBuffer[] {
  const linears = layers.flatMap(({ queryKeyValue, attentionOutput, intermediate, output }) => [queryKeyValue, attentionOutput, intermediate, output]);
  const norms = [embeddingNorm, ...layers.flatMap(({ attentionNorm, outputNorm }) => [attentionNorm, outputNorm])];
  return [word, wordScale, position, ...linears.flatMap(({ weight, scale, bias }) => [weight, scale, bias]), ...norms.flatMap(({ gain, bias }) => [gain, bias])];
}
