import { mapRows, orthonormalMap, type MapSettings } from '../ground/orthonormal-map.ts';

/** What of a federation's head says how features are mapped. */
export interface ProjectedFeatures {
  readonly publicMean: readonly number[];
  readonly projection?: MapSettings;
}

/** Numbers that a head takes of a note beside the bias input: all of its feature, or its image under the public map. */
export function headInputs({ publicMean, projection }: ProjectedFeatures): number {
  return projection?.dimension ?? publicMean.length;
}

/** The public map of a task: [k, D]; undefined where features are taken whole. */
export function projectionMap({ publicMean, projection }: ProjectedFeatures): Float32Array<ArrayBuffer> | undefined {
  return projection && orthonormalMap(projection, publicMean.length);
}

/** A head over features as one over their images, bias column as it is: W P^T. What of W lies outside the map's directions is lost. Shapes: [C, D + 1] -> [C, k + 1]; itself without a map. */
export function projectedHead(head: ProjectedFeatures, weights: Float32Array): Float32Array {
  const map = projectionMap(head);
  return map === undefined ? weights : columnsMapped(weights, head.publicMean.length, headInputs(head), (rows, length) => mapRows(rows, map, length));
}

/** A head over images as one over whole features, which gives the same logits: W P. Shapes: [C, k + 1] -> [C, D + 1]; itself without a map. */
export function foldedHead(head: ProjectedFeatures, weights: Float32Array): Float32Array {
  const map = projectionMap(head);
  if (map === undefined) return weights;
  const [length, inputs] = [head.publicMean.length, headInputs(head)];
  const transposed = new Float32Array(map.length);
  for (let k = 0; k < inputs; k++) for (let i = 0; i < length; i++) transposed[i * inputs + k] = map[k * length + i]!;
  return columnsMapped(weights, inputs, length, (rows) => mapRows(rows, transposed, inputs));
}

/** All columns but the last go through `map`; the last stays. Shapes: [C, from + 1] -> [C, to + 1]. */
function columnsMapped(weights: Float32Array, from: number, to: number, map: (rows: Float32Array, length: number) => Float32Array): Float32Array {
  const classes = weights.length / (from + 1);
  const rows = new Float32Array(classes * from);
  for (let c = 0; c < classes; c++) rows.set(weights.subarray(c * (from + 1), (c + 1) * (from + 1) - 1), c * from);
  const mapped = map(rows, from);
  const result = new Float32Array(classes * (to + 1));
  for (let c = 0; c < classes; c++) {
    result.set(mapped.subarray(c * to, (c + 1) * to), c * (to + 1));
    result[(c + 1) * (to + 1) - 1] = weights[(c + 1) * (from + 1) - 1]!;
  }
  return result;
}
