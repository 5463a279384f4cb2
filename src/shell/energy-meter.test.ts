import { describe, expect, it } from 'vitest';
import { EnergyMeter, RunEnergy } from './energy-meter.ts';

describe('the energy of a run', () => {
  const settings = { deviceClass: 'laptop-integrated', measuredWatts: null, country: null } as const;

  it('never falls, also where the device that is busy changes on the way', () => {
    let busy = 1;
    const run = new RunEnergy(new EnergyMeter(settings, () => busy));
    const readings = [];
    for (const [seconds, fraction] of [[10, 1], [20, 1], [30, 0.25], [40, 0.25], [40, 1], [35, 0.5], [50, 0.5]] as const) {
      busy = fraction;
      readings.push(run.after(seconds));
    }
    for (const [index, { energyWh, carbonGrams }] of readings.slice(1).entries()) {
      const before = readings[index]!;
      for (const end of ['low', 'central', 'high'] as const) {
        expect(energyWh[end]).toBeGreaterThanOrEqual(before.energyWh[end]);
        expect(carbonGrams[end]).toBeGreaterThanOrEqual(before.carbonGrams[end]);
      }
    }
    // 20 W for 20 s at full load, 20 s at a quarter, 10 s at half: 600 Ws.
    expect(readings.at(-1)!.energyWh.central).toBeCloseTo(600 / 3600, 9);
  });

  it('at its end is no less than what it is now, whatever is left', () => {
    const run = new RunEnergy(new EnergyMeter(settings, () => 0.5));
    const now = run.after(100).energyWh;
    for (const left of [0, 1, 1000]) {
      const end = run.atEnd(left).energyWh;
      for (const at of ['low', 'central', 'high'] as const) expect(end[at]).toBeGreaterThanOrEqual(now[at]);
    }
    expect(run.atEnd(0).energyWh).toEqual(now);
    expect(run.atEnd(100).energyWh.central).toBeCloseTo(2 * now.central, 9);
    // A look ahead draws nothing.
    expect(run.after(100).energyWh).toEqual(now);
  });
});
