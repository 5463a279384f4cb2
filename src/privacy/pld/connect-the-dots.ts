/**
 * Pessimistic discretisation of a privacy loss: "connect the dots" (Doroshenko, Ghazi, Kamath, Kumar & Manurangsi 2022, arXiv 2207.04380).
 * Whatever has its loss between two grid points goes to both, so shared out that P's mass and Q's mass are kept. A mean-preserving spread of
 * e^-loss under P: every hockey-stick divergence, a convex function of it, rises or stays, so the new pair dominates the old; at grid points
 * it is the same, and no pair on the grid that dominates is smaller. Since P and Q play the same part, one discretisation serves both directions.
 */
import { BedsideError } from '../../ground/errors.ts';
import { checkPositive, invariant } from '../../ground/check.ts';
import type { LossPair } from './loss-pair.ts';

/** A continuous pair whose outcome is one number, in which the loss rises. */
export interface LossLine {
  /** Outcomes outside [low, high] are counted whole: what lies above as loss infinity, what lies below as infinity in the reversed pair. */
  readonly low: number;
  readonly high: number;
  /** P above `high`. */
  readonly massAbove: number;
  /** Q below `low`. */
  readonly reverseMassBelow: number;
  /** Over a piece so long the density is a polynomial of degree 7 to about 1e-12. */
  readonly pieceLength: number;
  lossAt(outcome: number): number;
  /** -Infinity or Infinity where no outcome has so small or so large a loss. */
  outcomeAt(loss: number): number;
  /** P's density, given the loss there. */
  densityAt(outcome: number, loss: number): number;
}

/** More points than this in one array are refused: 64 MiB each. */
export const LARGEST_POINTS = 2 ** 23;

function tooManyPoints(points: number): BedsideError {
  return new BedsideError('privacy/grid', 'settings', `The losses of one release would need ${Math.ceil(points)} grid points; ${LARGEST_POINTS} are the most.`, 'Use a coarser grid: the answer stays an upper bound.', { points, most: LARGEST_POINTS });
}

/** Gauss-Legendre, 4 points on [0, 1]. */
const nodes = [0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970263];
const weights = [0.17392742256872692, 0.32607257743127307, 0.32607257743127307, 0.17392742256872692];

/** Discretises a continuous pair. Masses are good to a relative 1e-12, also far out in the tail: every term of the quadrature is positive. */
export function discretiseLine(line: LossLine, grid: number): LossPair {
  checkPositive('grid', grid);
  const { low, high, pieceLength } = line;
  const first = Math.floor(line.lossAt(low) / grid);
  const count = Math.ceil(line.lossAt(high) / grid) - first + 1;
  if (!(count < LARGEST_POINTS)) throw tooManyPoints(count);
  const masses = new Float64Array(Math.max(2, count));
  const whole = Math.expm1(-grid);
  let left = low;
  for (let cell = 0; cell + 1 < masses.length && left < high; cell++) {
    const base = (first + cell) * grid;
    const right = Math.min(high, Math.max(left, line.outcomeAt((first + cell + 1) * grid)));
    const pieces = Math.ceil((right - left) / pieceLength);
    const width = (right - left) / pieces;
    let toLower = 0;
    let toUpper = 0;
    for (let piece = 0; piece < pieces; piece++) {
      for (let node = 0; node < 4; node++) {
        const outcome = left + (piece + nodes[node]!) * width;
        const loss = line.lossAt(outcome);
        const mass = weights[node]! * width * line.densityAt(outcome, loss);
        // Rounding may put a loss an ulp outside of its cell.
        const share = Math.min(1, Math.max(0, Math.expm1(base - loss) / whole));
        toUpper += mass * share;
        toLower += mass * (1 - share);
      }
    }
    masses[cell]! += toLower;
    masses[cell + 1]! += toUpper;
    left = right;
  }
  // What is infinite one way has a finite loss the other way, and counts there too. P below `low` is at most e^(loss at low) times Q, at losses below
  // the first cell's upper end; Q above `high` at most e^-(loss at high) times P, at losses above the last cell's lower end.
  masses[1]! += line.reverseMassBelow * Math.exp(line.lossAt(low));
  masses[masses.length - 2]! += line.massAbove;
  return { grid, first, masses, infinityMass: line.massAbove, reverseInfinityMass: line.reverseMassBelow };
}

/** Discretises a pair of finitely many losses. */
export function discretiseAtoms(atoms: readonly { readonly loss: number; readonly mass: number }[], grid: number, infinityMass = 0, reverseInfinityMass = 0): LossPair {
  checkPositive('grid', grid);
  invariant(atoms.length > 0, 'a pair has at least one finite loss');
  const first = Math.floor(Math.min(...atoms.map(({ loss }) => loss)) / grid);
  const count = Math.floor(Math.max(...atoms.map(({ loss }) => loss)) / grid) + 2 - first;
  if (!(count < LARGEST_POINTS)) throw tooManyPoints(count);
  const masses = new Float64Array(count);
  for (const { loss, mass } of atoms) {
    const cell = Math.floor(loss / grid);
    const share = Math.min(1, Math.max(0, Math.expm1(cell * grid - loss) / Math.expm1(-grid)));
    masses[cell - first]! += mass * (1 - share);
    masses[cell + 1 - first]! += mass * share;
  }
  return { grid, first, masses, infinityMass, reverseInfinityMass };
}
