/** How the coins of planted notes are read from a model of adapters: from where its parameters went. */
import { invariant } from '../../ground/check.ts';

/** Gradients of the planted notes at the start, brought to unit length, and the products of all pairs. Shapes: each [P]; gram [m, m]. */
export interface PlantedGradients {
  readonly directions: readonly Float32Array[];
  readonly gram: Float64Array;
}

export function plantedGradients(gradients: readonly Float64Array[]): PlantedGradients {
  const directions = gradients.map((gradient) => {
    let squares = 0;
    for (let i = 0; i < gradient.length; i++) squares += gradient[i]! * gradient[i]!;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    return Float32Array.from(gradient, (value) => scale * value);
  });
  const m = directions.length;
  const gram = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      const product = dot(directions[i]!, directions[j]!);
      gram[i * m + j] = product;
      gram[j * m + i] = product;
    }
  }
  return { directions, gram };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Solves (matrix + ridge I) x = values by Cholesky's factors, for a positive semi-definite matrix [m, m] and a ridge above 0. */
export function solveRidge(matrix: Float64Array, ridge: number, values: Float64Array): Float64Array {
  const m = values.length;
  invariant(matrix.length === m * m && ridge > 0, 'the matrix is square and the ridge positive');
  const lower = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * m + j]! + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * m + k]! * lower[j * m + k]!;
      lower[i * m + j] = i === j ? Math.sqrt(sum) : sum / lower[j * m + j]!;
    }
  }
  const x = values.slice();
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i * m + k]! * x[k]!;
    x[i]! /= lower[i * m + i]!;
  }
  for (let i = m - 1; i >= 0; i--) {
    for (let k = i + 1; k < m; k++) x[i]! -= lower[k * m + i]! * x[k]!;
    x[i]! /= lower[i * m + i]!;
  }
  return x;
}

/**
 * How far the parameters went along each planted note's gradient and along no other's: the best linear guess of the coins where every note that is in adds
 * its unit gradient and the rest is noise. `noiseShare`: variance of the noise along one direction over that of a coin's part.
 * Shapes: moved [P]; result [m].
 */
export function alongGradients({ directions, gram }: PlantedGradients, moved: Float32Array, noiseShare: number): Float64Array {
  return solveRidge(gram, noiseShare, Float64Array.from(directions, (direction) => -dot(direction, moved)));
}

/** Less the mean of each label's: what all planted notes of a label share says nothing about a coin. Shapes: [m]. */
export function withinLabels(values: Float64Array, labels: readonly number[], classes: number): Float64Array {
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  labels.forEach((label, index) => {
    sums[label]! += values[index]!;
    counts[label]!++;
  });
  return values.map((value, index) => value - sums[labels[index]!]! / counts[labels[index]!]!);
}
