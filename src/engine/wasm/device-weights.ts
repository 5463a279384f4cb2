import { BedsideError } from '../../ground/errors.ts';
import type { BertShape, BertWeights, LayerNorm, Linear, QuantizedMatrix } from '../model/weights.ts';
import { frozenLinear } from '../operations/frozen-linear.ts';
import type { LinearName, NormName } from '../operations/operations.ts';
import type { WasmModule } from './module.ts';

/** Where a frozen linear map [N, K] lies: int8 in blocks, scales and bias in float32. */
export interface DeviceLinear {
  readonly N: number;
  readonly K: number;
  readonly weights: number;
  readonly scales: number;
  readonly bias: number;
}

export interface DeviceNorm {
  readonly weight: number;
  readonly bias: number;
}

/** An int8 table, row-major, with one scale per row. */
export interface DeviceTable {
  readonly values: number;
  readonly scales: number;
}

export interface DeviceBert {
  readonly shape: BertShape;
  readonly words: DeviceTable;
  readonly positions: DeviceTable;
  readonly tokenTypes: DeviceTable;
  readonly embeddingNorm: DeviceNorm;
  readonly linears: readonly Readonly<Record<LinearName, DeviceLinear>>[];
  readonly norms: readonly Readonly<Record<NormName, DeviceNorm>>[];
}

function unsupportedShapeError(name: string, multiple: number, found: number): BedsideError {
  return new BedsideError('model/unsupported-shape', 'model', `The WebAssembly kernels need ${name} to be a multiple of ${multiple}, found ${found}.`, 'Use another model.', { name, multiple, found });
}

/** Throws unless the kernels can run this shape: panels are eight wide, head rows are read in fours. */
export function checkShape({ width, heads, feedForwardWidth }: BertShape): void {
  if (width % 8 !== 0) throw unsupportedShapeError('the width', 8, width);
  if (feedForwardWidth % 8 !== 0) throw unsupportedShapeError('the feed-forward width', 8, feedForwardWidth);
  if ((width / heads) % 4 !== 0) throw unsupportedShapeError('the width of a head', 4, width / heads);
}

/** Copies the weights into linear memory; every block is asked of `allocate`, whose caller owns it. */
export function placeWeights(weights: BertWeights, { kernels, memory }: WasmModule, allocate: (bytes: number) => number): DeviceBert {
  checkShape(weights.shape);
  const floats = (values: Float32Array) => {
    const pointer = allocate(values.byteLength);
    memory.floats(pointer, values.length).set(values);
    return pointer;
  };
  const table = ({ values, scales }: QuantizedMatrix): DeviceTable => {
    const pointer = allocate(values.length);
    memory.bytes(pointer, values.length).set(values);
    return { values: pointer, scales: floats(scales) };
  };
  const linear = ({ weight, bias }: Linear): DeviceLinear => {
    const { rows: N, columns: K, values } = weight;
    const blocks = allocate(values.length);
    const source = memory.allocate(values.length);
    memory.bytes(source, values.length).set(values);
    kernels.packWeights(N, K, source, blocks);
    memory.release(source);
    return { N, K, weights: blocks, scales: floats(weight.scales), bias: floats(bias) };
  };
  const norm = ({ weight, bias }: LayerNorm): DeviceNorm => ({ weight: floats(weight), bias: floats(bias) });
  return {
    shape: weights.shape,
    words: table(weights.wordEmbeddings),
    positions: table(weights.positionEmbeddings),
    tokenTypes: table(weights.tokenTypeEmbeddings),
    embeddingNorm: norm(weights.embeddingNorm),
    linears: weights.layers.map((layer) => ({
      queryKeyValue: linear(frozenLinear(layer, 'queryKeyValue')),
      attentionOutput: linear(frozenLinear(layer, 'attentionOutput')),
      intermediate: linear(frozenLinear(layer, 'intermediate')),
      output: linear(frozenLinear(layer, 'output')),
    })),
    norms: weights.layers.map((layer) => ({ attentionNorm: norm(layer.attentionNorm), outputNorm: norm(layer.outputNorm) })),
  };
}
