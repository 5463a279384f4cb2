import { describe, expect, it } from 'vitest';
import { caseValues } from '../operations/operation-case.ts';
import type { UnitGrid } from '../engine.ts';
import { clippedSumKernels, createGpuClippedSums } from './clipped-sums.ts';
import type { DeviceBuffer, GpuDevice } from './device.ts';
import { shareDevice } from './testing/shared-device.ts';

const parameters = 700;
const grid: UnitGrid = { gridScale: 2 ** 20, sensitivity: 2 ** 20 - 3 };
type Kernels = typeof clippedSumKernels;

/** Rows of one unit: [rows, P]. */
type Unit = readonly Float32Array[];

let device: GpuDevice;
shareDevice((opened) => (device = opened));

/** The sum over units, which reach the device in micro-batches of `rowsAtATime` rows, wherever that cuts them. */
async function sumOf(units: readonly Unit[], { rowsAtATime = Infinity, kernels = clippedSumKernels }: { rowsAtATime?: number; kernels?: Kernels } = {}): Promise<{ sum: Int32Array; losses: Float32Array }> {
  const rows = units.flat();
  const ends = new Set(units.map((_, u) => units.slice(0, u + 1).flat().length));
  const sums = createGpuClippedSums(device, parameters, grid, rows.length, kernels);
  const used: DeviceBuffer[] = [];
  for (let first = 0; first < rows.length; first += rowsAtATime) {
    const part = rows.slice(first, first + rowsAtATime);
    const inside = part.map((_, row) => row + 1).filter((end) => end === part.length || ends.has(first + end));
    const gradients = new Float32Array(part.length * parameters);
    part.forEach((row, place) => gradients.set(row, place * parameters));
    const buffers = { gradients: device.upload(gradients), losses: device.upload(Float32Array.from(part, (_, row) => first + row + 0.5)) };
    used.push(...Object.values(buffers));
    await sums.add({ ...buffers, unitOffsets: Int32Array.of(0, ...inside), continuesUnit: first > 0 && !ends.has(first), leavesUnitOpen: !ends.has(first + part.length) });
  }
  const read = await sums.read();
  sums.release();
  for (const buffer of used) device.release(buffer);
  return read;
}

/** Exact: integers of at most 2^20, some hundred squares. */
const squaresOf = (sum: Int32Array) => sum.reduce((total, value) => total + value * value, 0);
const bound = grid.sensitivity ** 2;

const row = (seed: number, deviation: number) => caseValues(parameters, seed, deviation);
/** Norms from far below C to far above it, units of one row and of several. */
const units: readonly Unit[] = [1e-4, 1e-2, 0.037, 0.0379, 0.1, 1, 1e4, 1e15].map((deviation, u) => Array.from({ length: 1 + (u % 3) }, (_, r) => row(40 * u + r, deviation)));

/** Of every unit alone: at most K exactly, and close to it where the unit was clipped. */
async function isClipped(kernels?: Kernels): Promise<boolean> {
  for (const [u, unit] of units.entries()) {
    const squares = squaresOf((await sumOf([unit], kernels && { kernels })).sum);
    if (squares > bound) return false;
    if (u > 3 && squares < 0.999 * bound) return false;
  }
  return true;
}

const longUnits = Array.from({ length: 64 }, () => [Float32Array.from({ length: parameters }, (_, i) => 0.9 / (1 + i) + 1e-3)]);
async function isExactSum(kernels?: Kernels): Promise<boolean> {
  const alone = (await sumOf(longUnits.slice(0, 1), kernels && { kernels })).sum;
  const together = (await sumOf(longUnits, kernels && { kernels })).sum;
  return together.every((value, i) => value === 64 * alone[i]!);
}

const spoiled = [NaN, Infinity, -Infinity, 3e38].map((value) => row(7, 1).map((other, i) => (i === 123 ? value : other)));
async function leavesOutWhatIsNotFinite(kernels?: Kernels): Promise<boolean> {
  for (const values of spoiled) {
    const { sum } = await sumOf([[values]], kernels && { kernels });
    if (sum.some((value) => value !== 0)) return false;
  }
  return true;
}

/** a − 2a is −a without rounding: a unit of both rows is clipped as −a is. */
async function meetBeforeTheClip(kernels?: Kernels): Promise<boolean> {
  const [once, twice, wanted] = [row(1, 1), row(1, 1).map((value) => -2 * value), row(1, 1).map((value) => -value)];
  const { sum } = await sumOf([[once, twice]], kernels && { kernels });
  return sum.join() === (await sumOf([[wanted]])).sum.join();
}

describe('Rule G on the device', () => {
  it('keeps every unit at a norm of K, exactly, and clips no further than it must', async () => expect(await isClipped()).toBe(true));
  it('sums integers of a size that float32 does not hold', async () => expect(await isExactSum()).toBe(true));
  it('leaves out a unit that is not finite', async () => expect(await leavesOutWhatIsNotFinite()).toBe(true));
  it('lets the rows of a unit meet before the clip', async () => expect(await meetBeforeTheClip()).toBe(true));

  it('gives equal integers in any order, and however units fall into micro-batches, also cut through', async () => {
    const whole = await sumOf(units);
    expect(whole.sum.some((value) => value !== 0)).toBe(true);
    expect((await sumOf([...units].reverse())).sum).toEqual(whole.sum);
    for (const rowsAtATime of [1, 2, 5]) expect(await sumOf(units, { rowsAtATime })).toEqual(whole);
    for (const unit of units) {
      const rest = await sumOf(units.filter((other) => other !== unit));
      expect(whole.sum.map((value, i) => value - rest.sum[i]!)).toEqual((await sumOf([unit])).sum);
    }
  });

  it('returns the loss of every row, in order, to the bit', async () => {
    expect((await sumOf(units, { rowsAtATime: 4 })).losses).toEqual(Float32Array.from(units.flat(), (_, i) => i + 0.5));
  });

  it('refuses more units than int32 holds', async () => {
    const tooMany = createGpuClippedSums(device, 4, grid, 4000);
    const [gradients, losses] = [device.upload(new Float32Array(4 * 2049)), device.upload(new Float32Array(2049))];
    await expect(tooMany.add({ gradients, losses, unitOffsets: Int32Array.from({ length: 2050 }, (_, u) => u), continuesUnit: false, leavesUnitOpen: false })).rejects.toThrow(/overflow/);
    tooMany.release();
    device.release(gradients);
    device.release(losses);
  });
});

describe('seeded faults', () => {
  const faulty = (name: keyof Kernels, ...edits: readonly (readonly [string, string])[]): Kernels => {
    const kernel = clippedSumKernels[name];
    let body = kernel.body;
    for (const [from, to] of edits) {
      expect(body).toContain(from);
      body = body.replaceAll(from, to);
    }
    return { ...clippedSumKernels, [name]: { ...kernel, key: `${kernel.key} faulty ${edits.join()}`, body } };
  };
  const noCheck = ['if (isFinite && isWithin)', 'if (isWithin || !isWithin || isFinite)'] as const;

  it('no clip, caught by the check and seen as nothing', async () => {
    expect(await isClipped(faulty('clipUnits', ['if (factor * norm > uniforms.limit)', 'if (factor * norm < -uniforms.limit)']))).toBe(false);
  });
  it('no clip and no check', async () => {
    expect(await isClipped(faulty('clipUnits', ['if (factor * norm > uniforms.limit)', 'if (factor * norm < -uniforms.limit)'], noCheck))).toBe(false);
  });
  it('a factor that aims above K, without the check', async () => {
    expect(await isClipped(faulty('clipUnits', ['factor = uniforms.limit / norm', 'factor = 1.001 * uniforms.limit / norm'], noCheck))).toBe(false);
  });
  it('a check without the upper half of the squares', async () => {
    expect(await isClipped(faulty('clipUnits', ['factor = uniforms.limit / norm', 'factor = 1.001 * uniforms.limit / norm'], ['found.x < high || (found.x == high && found.y <= u32(uniforms.squareLow))', 'found.y <= u32(uniforms.squareLow) || found.x <= 2u * high']))).toBe(false);
  });
  it('numbers that are not finite, without the check', async () => {
    expect(await leavesOutWhatIsNotFinite(faulty('clipUnits', noCheck))).toBe(false);
  });
  it('a sum in float32', async () => {
    expect(await isExactSum(faulty('addUnits', ['var sum = result[index];', 'var sum = f32(result[index]);'], ['sum += i32(gradients[units[unit] * uniforms.parameters + index]);', 'sum += gradients[units[unit] * uniforms.parameters + index];'], ['result[index] = sum;', 'result[index] = i32(sum);']))).toBe(false);
  });
  it('a unit of which only the first row counts', async () => {
    expect(await meetBeforeTheClip(faulty('clipUnits', ['row < count', 'row < 1']))).toBe(false);
  });
  it('rows that are clipped each for itself', async () => {
    const [one, other] = [row(1, 1), row(1, 1).map((value) => -2 * value)];
    expect((await sumOf([[one], [other]])).sum.join()).not.toBe((await sumOf([[one, other]])).sum.join());
  });
});
