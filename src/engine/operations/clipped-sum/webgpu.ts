import { workgroupThreads, type Kernel } from '../../webgpu/kernel.ts';
import type { UnitGrid } from '../../engine.ts';
import { largestSensitivity } from './contract.ts';

/**
 * Rule G on the device. What makes a unit's contribution bounded is an integer check of stored integers; float32 only chooses the factor.
 * A unit's integers are kept in float32, where every whole number up to 2^24 is exact, in place of its first row.
 */

/** Uniforms of `clipUnits` that follow from the grid and P. */
export interface ClipFactor {
  readonly scale: number;
  /** The norm clipped to: K less what float32 may err by. */
  readonly limit: number;
  /** The high and low half of K². */
  readonly squareHigh: number;
  readonly squareLow: number;
}

/**
 * How far below K the factor aims, so that the check passes. Each of a lane's P / 64 additions of squares, and the six of the workgroup, may be
 * off by 2^-23 of itself, the norm by half of that; root, division and product by some 12 units more (WGSL, section 15.7.4).
 */
export function clipFactor({ gridScale, sensitivity }: UnitGrid, parameters: number): ClipFactor {
  const margin = (Math.ceil(parameters / workgroupThreads) / 2 + 32) * 2 ** -23;
  const square = sensitivity * sensitivity;
  return { scale: gridScale, limit: sensitivity * (1 - margin), squareHigh: Math.floor(square / 2 ** 32), squareLow: square | 0 };
}

/**
 * Writes each unit's integers into its first row, or zeros, a workgroup for each unit: result [B, P], in place. Shapes: units [U + 1] first rows.
 * Squares are added as 64-bit numbers: v = 2^10 a + b, v² = (2^10 a² + 2ab) 2^10 + b² with the first factor below 2^32.
 */
export const clipUnits: Kernel<'units', 'parameters' | 'scale' | 'limit' | 'squareHigh' | 'squareLow'> = {
  key: 'clip units',
  inputs: { units: 'i32' },
  output: 'f32',
  uniforms: { parameters: 'i32', scale: 'f32', limit: 'f32', squareHigh: 'i32', squareLow: 'i32' },
  isByWorkgroup: true,
  declarations: `
var<workgroup> squaresOf : array<f32, ${workgroupThreads}>;
var<workgroup> exactOf : array<vec2u, ${workgroupThreads}>;
fn add64(a : vec2u, b : vec2u) -> vec2u {
  let low = a.y + b.y;
  return vec2u(a.x + b.x + select(0u, 1u, low < a.y), low);
}`,
  body: `let unit = group;
  let count = units[unit + 1] - units[unit];
  let start = units[unit] * uniforms.parameters;
  var squares = 0.0;
  for (var i = lane; i < uniforms.parameters; i += ${workgroupThreads}) {
    var value = result[start + i];
    for (var row = 1; row < count; row++) { value += result[start + row * uniforms.parameters + i]; }
    result[start + i] = value;
    squares = fma(value, value, squares);
  }
  squaresOf[lane] = squares;
  for (var reach = ${workgroupThreads / 2}; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (lane < reach) { squaresOf[lane] += squaresOf[lane + reach]; }
  }
  workgroupBarrier();
  let total = squaresOf[0];
  // By its bits: a compiler may take for granted that no number is infinite.
  let isFinite = (bitcast<u32>(total) & 0x7f800000u) != 0x7f800000u;
  let norm = sqrt(total);
  var factor = uniforms.scale;
  if (factor * norm > uniforms.limit) { factor = uniforms.limit / norm; }
  var exact = vec2u(0u, 0u);
  for (var i = lane; i < uniforms.parameters; i += ${workgroupThreads}) {
    let bounded = clamp(factor * result[start + i], -${largestSensitivity + 1}.0, ${largestSensitivity + 1}.0);
    let value = clamp(i32(bounded), -${largestSensitivity + 1}, ${largestSensitivity + 1});
    let size = u32(abs(value));
    let high = size >> 10u;
    let low = size & 1023u;
    let upper = ((high * high) << 10u) + 2u * high * low;
    exact = add64(exact, add64(vec2u(upper >> 22u, upper << 10u), vec2u(0u, low * low)));
    result[start + i] = f32(value);
  }
  exactOf[lane] = exact;
  for (var reach = ${workgroupThreads / 2}; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (lane < reach) { exactOf[lane] = add64(exactOf[lane], exactOf[lane + reach]); }
  }
  workgroupBarrier();
  let found = exactOf[0];
  let high = u32(uniforms.squareHigh);
  let isWithin = found.x < high || (found.x == high && found.y <= u32(uniforms.squareLow));
  if (isFinite && isWithin) { return; }
  for (var i = lane; i < uniforms.parameters; i += ${workgroupThreads}) { result[start + i] = 0.0; }`,
};

/**
 * Adds the integers of the first `units` units to result [P], and puts the losses behind them, from P + lossesBefore on, as their bits;
 * a thread for each coordinate and each row. Shapes: gradients [B, P], units [U + 1], losses [B].
 */
export const addUnits: Kernel<'gradients' | 'units' | 'losses', 'parameters' | 'units' | 'lossesBefore'> = {
  key: 'add units',
  inputs: { gradients: 'f32', units: 'i32', losses: 'f32' },
  output: 'i32',
  uniforms: { parameters: 'i32', units: 'i32', lossesBefore: 'i32' },
  body: `if (index >= uniforms.parameters) {
    result[index + uniforms.lossesBefore] = bitcast<i32>(losses[index - uniforms.parameters]);
    return;
  }
  var sum = result[index];
  for (var unit = 0; unit < uniforms.units; unit++) { sum += i32(gradients[units[unit] * uniforms.parameters + index]); }
  result[index] = sum;`,
};

/** Adds rows `firstRow` to `endRow` of `rows` [B, P] to row `into` of result, in order, a thread for each coordinate; the first is copied where `isFresh`. */
export const addRows: Kernel<'rows', 'parameters' | 'firstRow' | 'endRow' | 'isFresh'> = {
  key: 'add rows',
  inputs: { rows: 'f32' },
  output: 'f32',
  uniforms: { parameters: 'i32', firstRow: 'i32', endRow: 'i32', isFresh: 'i32' },
  body: `var sum = rows[uniforms.firstRow * uniforms.parameters + index];
  if (uniforms.isFresh == 0) { sum = result[index] + sum; }
  for (var row = uniforms.firstRow + 1; row < uniforms.endRow; row++) { sum += rows[row * uniforms.parameters + index]; }
  result[index] = sum;`,
};
