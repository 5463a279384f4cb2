/**
 * Rows that are planted to be found again. A canary's features point where notes hardly do: into a direction of its own among those that the notes'
 * features use least. What the head learns there comes from the canary and from the noise alone, so that under the private recipe each canary is nearly
 * the worst case of the proof, and canaries do not get into one another's way.
 */
import { checkInteger, invariant } from '../../ground/check.ts';
import { rowCount, type PooledTable } from './pooled-table.ts';

export interface Canaries {
  readonly table: PooledTable;
  /** [m], drawn without a look at the notes. */
  readonly labels: readonly number[];
}

/** Share of the width that is left to the notes. */
const notesShare = 1 / 3;
const powerPasses = 1;
/** Notes by which the directions that notes use are found. */
const mostRows = 600;

/** Box and Muller's: directions need no exact normals. */
function normalVector(width: number, random: () => number): Float64Array {
  return Float64Array.from({ length: width }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Takes out of `vector` what lies along each of `basis` (unit vectors, orthogonal), twice against rounding, and brings it to unit length; false where nothing is left. */
function orthonormalise(vector: Float64Array, basis: readonly Float64Array[]): boolean {
  const before = Math.sqrt(dot(vector, vector));
  for (let pass = 0; pass < 2; pass++) {
    for (const one of basis) {
      const along = dot(vector, one);
      for (let i = 0; i < vector.length; i++) vector[i]! -= along * one[i]!;
    }
  }
  const length = Math.sqrt(dot(vector, vector));
  if (!(length > 1e-9 * before)) return false;
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
  return true;
}

function randomUnit(width: number, basis: readonly Float64Array[], random: () => number): Float64Array {
  for (;;) {
    const vector = normalVector(width, random);
    if (orthonormalise(vector, basis)) return vector;
  }
}

/** About the `rank` directions along which rows are largest: a randomised range finder (Halko, Martinsson & Tropp 2011, algorithm 4.4). Rows are given by index. */
function largestDirections(rows: readonly Float64Array[], width: number, rank: number, random: () => number): Float64Array[] {
  let basis: Float64Array[] = Array.from({ length: rank }, () => normalVector(width, random));
  for (let pass = 0; pass <= powerPasses; pass++) {
    const next: Float64Array[] = [];
    for (const one of basis) {
      const image = new Float64Array(width);
      for (const row of rows) {
        const along = dot(row, one);
        for (let i = 0; i < width; i++) image[i]! += along * row[i]!;
      }
      if (orthonormalise(image, next)) next.push(image);
    }
    basis = next;
  }
  return basis;
}

/** One layer's part of the canaries: directions, and the mean of the unit rows to which each is added. */
function layerPart(table: PooledTable, place: number, sentences: PooledTable, random: () => number) {
  const { shape: { width }, layers } = table;
  const unitRows = ({ values }: PooledTable, weight: number) => {
    const rows: Float64Array[] = [];
    let squares = 0;
    for (let at = place * width; at < values.length; at += layers.length * width) {
      const row = Float64Array.from(values.subarray(at, at + width));
      const length = Math.sqrt(dot(row, row));
      squares += length * length;
      if (length > 0) rows.push(row.map((value) => (weight * value) / length));
    }
    return { rows, length: Math.sqrt(squares / Math.max(1, rows.length)) };
  };
  const notes = unitRows(table, 1);
  // The head starts at the label sentences: they count for as much as the notes do.
  const start = unitRows(sentences, Math.sqrt(Math.min(mostRows, notes.rows.length) / Math.max(1, rowCount(sentences))));
  const mean = new Float64Array(width);
  for (const row of notes.rows) for (let i = 0; i < width; i++) mean[i]! += row[i]! / notes.rows.length;
  const basis: Float64Array[] = [Float64Array.from(mean)].filter((one) => orthonormalise(one, []));
  const everySo = Math.ceil(notes.rows.length / mostRows);
  const sample = notes.rows.filter((_, row) => row % everySo === 0);
  for (const one of largestDirections([...sample, ...start.rows], width, Math.floor(width * notesShare), random)) if (orthonormalise(one, basis)) basis.push(one);
  return { mean, basis, length: notes.length, across: Math.sqrt(Math.max(0, 1 - dot(mean, mean))) };
}

/** How many canaries one training takes: no more than twice the directions that notes leave. */
export function canariesARun(width: number): number {
  return Math.max(8, Math.min(256, 2 * (width - Math.floor(width * notesShare) - 2)));
}

/**
 * `count` canaries with labels by lot. After centring by the notes' mean, the features of one are a unit vector in its own direction in every layer's block;
 * where there are more canaries than directions, those that share one have different labels as far as labels go.
 */
export function designCanaries(notes: PooledTable, sentences: PooledTable, classes: number, count: number, random: () => number): Canaries {
  checkInteger('canaries', count, 1);
  checkInteger('classes', classes, 2);
  const { shape: { width }, layers } = notes;
  invariant(sentences.layers.join() === layers.join(), 'sentences have the layers of the notes');
  const values = new Float32Array(count * layers.length * width);
  const free: number[] = [];
  layers.forEach((_, place) => {
    const { mean, basis, length, across } = layerPart(notes, place, sentences, random);
    const directions: Float64Array[] = [];
    while (basis.length < width && directions.length < count) {
      const direction = randomUnit(width, basis, random);
      basis.push(direction);
      directions.push(direction);
    }
    invariant(directions.length > 0, 'notes leave a direction free');
    free.push(directions.length);
    for (let canary = 0; canary < count; canary++) {
      const direction = directions[canary % directions.length]!;
      const at = (canary * layers.length + place) * width;
      for (let i = 0; i < width; i++) values[at + i] = length * (mean[i]! + across * direction[i]!);
    }
  });
  const shared = Math.min(...free);
  const first = Array.from({ length: shared }, () => Math.floor(random() * classes));
  return { table: { ...notes, values }, labels: Array.from({ length: count }, (_, canary) => (first[canary % shared]! + Math.floor(canary / shared)) % classes) };
}
