import { invariant } from '../../ground/check.ts';
import { BedsideError } from '../../ground/errors.ts';
import type { BertShape, BertWeights, LayerNorm, Linear, QuantizedMatrix } from '../model/weights.ts';
import { frozenLinear } from '../operations/linear/frozen-linear.ts';
import type { NormName } from '../operations/layer-norm/contract.ts';
import type { LinearName } from '../operations/linear/contract.ts';
import type { Kernels } from './kernels.ts';
import type { MemoryBlocks } from './linear-memory.ts';

const floatBytes = 4;

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

/** Asks for room for every weight of a shape; `allocate` gets bytes and its caller owns the blocks. */
export function reserveWeights(shape: BertShape, allocate: (bytes: number) => number): DeviceBert {
  checkShape(shape);
  const { width: D, feedForwardWidth: F } = shape;
  const table = (rows: number): DeviceTable => ({ values: allocate(rows * D), scales: allocate(rows * floatBytes) });
  const linear = (N: number, K: number): DeviceLinear => ({ N, K, weights: allocate(N * K), scales: allocate(N * floatBytes), bias: allocate(N * floatBytes) });
  const norm = (): DeviceNorm => ({ weight: allocate(D * floatBytes), bias: allocate(D * floatBytes) });
  const eachLayer = <Part>(part: () => Part): Part[] => Array.from({ length: shape.layers }, part);
  return {
    shape,
    words: table(shape.vocabularySize),
    positions: table(shape.maximumPositions),
    tokenTypes: table(Math.max(1, shape.tokenTypes)),
    embeddingNorm: norm(),
    linears: eachLayer(() => ({ queryKeyValue: linear(3 * D, D), attentionOutput: linear(D, D), intermediate: linear(F, D), output: linear(D, F) })),
    norms: eachLayer(() => ({ attentionNorm: norm(), outputNorm: norm() })),
  };
}

/** Bytes of the largest matrix: room to lay one out in blocks. */
export function largestMatrixBytes({ width, feedForwardWidth }: BertShape): number {
  return width * Math.max(3 * width, feedForwardWidth);
}

/** Copies the weights into linear memory; every block is asked of `allocate`, whose caller owns it. */
export function placeWeights(weights: BertWeights, { kernels, memory }: { readonly kernels: Kernels; readonly memory: MemoryBlocks }, allocate: (bytes: number) => number): DeviceBert {
  const device = reserveWeights(weights.shape, allocate);
  const source = memory.allocate(largestMatrixBytes(weights.shape));
  const setFloats = (pointer: number, values: Float32Array) => memory.floats(pointer, values.length).set(values);
  const setTable = ({ values, scales }: DeviceTable, matrix: QuantizedMatrix) => {
    memory.bytes(values, matrix.values.length).set(matrix.values);
    setFloats(scales, matrix.scales);
  };
  const setNorm = (norm: DeviceNorm, { weight, bias }: LayerNorm) => {
    setFloats(norm.weight, weight);
    setFloats(norm.bias, bias);
  };
  const setLinear = ({ N, K, weights: blocks, scales, bias }: DeviceLinear, linear: Linear) => {
    const { rows, columns, values } = linear.weight;
    invariant(rows === N && columns === K, `a frozen map has ${N} rows and ${K} columns`);
    memory.bytes(source, values.length).set(values);
    kernels.packWeights(N, K, source, blocks);
    setFloats(scales, linear.weight.scales);
    setFloats(bias, linear.bias);
  };
  setTable(device.words, weights.wordEmbeddings);
  setTable(device.positions, weights.positionEmbeddings);
  setTable(device.tokenTypes, weights.tokenTypeEmbeddings);
  setNorm(device.embeddingNorm, weights.embeddingNorm);
  for (const [index, layer] of weights.layers.entries()) {
    for (const name of ['queryKeyValue', 'attentionOutput', 'intermediate', 'output'] as const) setLinear(device.linears[index]![name], frozenLinear(layer, name));
    for (const name of ['attentionNorm', 'outputNorm'] as const) setNorm(device.norms[index]![name], layer[name]);
  }
  memory.release(source);
  return device;
}
