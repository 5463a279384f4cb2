import type { EncoderLayer, Linear, QuantizedMatrix } from '../../model/weights.ts';
import type { LinearName } from './contract.ts';

function joinRows(matrices: readonly QuantizedMatrix[]): QuantizedMatrix {
  const columns = matrices[0]!.columns;
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  let row = 0;
  for (const matrix of matrices) {
    values.set(matrix.values, row * columns);
    scales.set(matrix.scales, row);
    row += matrix.rows;
  }
  return { rows, columns, values, scales };
}

function joinVectors(vectors: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(vectors.reduce((sum, vector) => sum + vector.length, 0));
  let offset = 0;
  for (const vector of vectors) {
    joined.set(vector, offset);
    offset += vector.length;
  }
  return joined;
}

/** The frozen linear map called `name`; `queryKeyValue` is query, key and value stacked by rows: weight [3D, D], bias [3D]. */
export function frozenLinear(layer: EncoderLayer, name: LinearName): Linear {
  if (name !== 'queryKeyValue') return layer[name];
  const parts = [layer.query, layer.key, layer.value];
  return { weight: joinRows(parts.map((part) => part.weight)), bias: joinVectors(parts.map((part) => part.bias)) };
}
