import { describe, expect, it } from 'vitest';
import type { MeasuredSpeed } from './bedside.service.ts';
import { isMeasuredSpeed, keepMeasuredSpeed, readMeasuredSpeed, speedReportOf } from './speed-report.ts';

const measured: MeasuredSpeed = {
  measuredAtMs: 1_790_000_000_000, encoder: 'nano', tokens: 128, cores: 4, browser: 'a browser', noWebGpu: 'no-webgpu',
  setups: [{ backend: 'wasm', device: { name: 'WebAssembly, SIMD', workers: 2 }, notesPerSecond: { read: 20, head: 5000, adapters: 4 }, stepMs: 4000, stepNotes: 8, launches: null, memoryBytes: 5e7, busyFraction: 0.5 }],
};

describe('energy of 1,000 notes', () => {
  it('is time by the watts of the class and the share that works', () => {
    const { setups, power } = speedReportOf(measured, { deviceClass: 'laptop-integrated', measuredWatts: null, country: null });
    expect(power).toEqual({ deviceClass: 'laptop-integrated', measuredWatts: null });
    // 20 W, half busy, for 50 s and for 250 s.
    expect(setups[0]!.energyWhPer1000.read.central).toBeCloseTo((20 * 0.5 * 50) / 3600, 12);
    expect(setups[0]!.energyWhPer1000.adapters.central).toBeCloseTo((20 * 0.5 * 250) / 3600, 12);
    // The range of the estimator: e^(1.96 x 0.40946).
    expect(setups[0]!.energyWhPer1000.read.high / setups[0]!.energyWhPer1000.read.central).toBeCloseTo(2.2312, 3);
  });

  it('is time by the watts of a meter, whatever the share', () => {
    const { setups } = speedReportOf(measured, { deviceClass: 'unknown', measuredWatts: 36, country: null });
    expect(setups[0]!.energyWhPer1000.adapters.central).toBeCloseTo((36 * 250) / 3600, 12);
    expect(setups[0]!.energyWhPer1000.adapters.high / setups[0]!.energyWhPer1000.adapters.central).toBeCloseTo(1.05, 12);
  });
});

describe('what is kept', () => {
  const shelf = (text: string | null) => () => ({ getItem: () => text, setItem: () => { throw new Error('refused'); } });

  it('comes back as it was', () => {
    let kept: string | null = null;
    const here = () => ({ getItem: () => kept, setItem: (_: string, value: string) => { kept = value; } });
    expect(readMeasuredSpeed(here)).toBeNull();
    keepMeasuredSpeed(here, measured);
    expect(readMeasuredSpeed(here)).toEqual(measured);
  });

  it('is as if nothing were there where it cannot be shown', () => {
    const [setup] = measured.setups;
    const wrong = [null, 3, {}, { ...measured, setups: [] }, { ...measured, tokens: '128' }, { ...measured, noWebGpu: undefined }, { ...measured, setups: [{ ...setup, stepMs: 0 }] }, { ...measured, setups: [{ ...setup, backend: 'abacus' }] }, { ...measured, setups: [{ ...setup, notesPerSecond: { read: 1, head: 1 } }] }];
    for (const value of wrong) expect(readMeasuredSpeed(shelf(JSON.stringify(value))), JSON.stringify(value)).toBeNull();
    expect(readMeasuredSpeed(shelf('['))).toBeNull();
    expect(readMeasuredSpeed(() => { throw new Error('blocked'); })).toBeNull();
    expect(isMeasuredSpeed(measured)).toBe(true);
  });

  it('may be refused without harm', () => {
    expect(() => keepMeasuredSpeed(shelf(null), measured)).not.toThrow();
  });
});
