import { deleteDB } from 'idb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extraWatts } from '../energy/power.ts';
import { openBedsideDatabase, type BedsideDatabase } from './database.ts';
import { EnergyMeter } from './energy-meter.ts';
import { defaultEnergySettings, energyReportOf, keepEnergySettings, readEnergySettings } from './energy-settings.ts';

const name = `test-${crypto.randomUUID()}`;
let database: BedsideDatabase;
beforeAll(async () => {
  database = await openBedsideDatabase(name);
});
afterAll(async () => {
  database.close();
  await deleteDB(name);
});

describe('settings of energy', () => {
  it('are those of an unknown machine anywhere, until somebody chooses', async () => {
    expect(await readEnergySettings(database)).toEqual({ deviceClass: 'unknown', measuredWatts: null, country: null });
    const report = energyReportOf(defaultEnergySettings());
    expect(report.watts.central).toBe(extraWatts.unknown.central);
    expect(report.gramsPerKwh.central).toBe(475);
    expect(report.countries).toHaveLength(212);
  });

  it('stay as they were chosen', async () => {
    const settings = { deviceClass: 'laptop-integrated', measuredWatts: 17.5, country: 'FRA' } as const;
    await keepEnergySettings(database, settings);
    expect(await readEnergySettings(database)).toEqual(settings);
  });

  it('refuse what no estimate can be made of, and keep what was there', async () => {
    const before = await readEnergySettings(database);
    await expect(keepEnergySettings(database, { ...before, measuredWatts: 0 })).rejects.toMatchObject({ code: 'energy/watts' });
    await expect(keepEnergySettings(database, { ...before, measuredWatts: Number.NaN })).rejects.toMatchObject({ code: 'energy/watts' });
    await expect(keepEnergySettings(database, { ...before, country: 'XXX' })).rejects.toMatchObject({ code: 'energy/unknown-country' });
    expect(await readEnergySettings(database)).toEqual(before);
  });

  it('that cannot be read are as if none had been made', async () => {
    for (const kept of ['{"deviceClass":"toaster"}', 'null', '[', '{"deviceClass":"phone","measuredWatts":"9","country":null}']) {
      await database.put('settings', kept, 'energy');
      expect(await readEnergySettings(database)).toEqual(defaultEnergySettings());
    }
  });
});

describe('the meter', () => {
  const halfBusy = () => 0.5;
  const hour = [{ seconds: 3600, busyFraction: 0.5 }];

  it('counts by class what the device was busy, and measured watts in full', () => {
    const byClass = new EnergyMeter({ deviceClass: 'laptop-integrated', measuredWatts: null, country: null }, halfBusy);
    expect(byClass.of(hour).energyWh.central).toBeCloseTo(10, 9);
    const measured = new EnergyMeter({ deviceClass: 'laptop-integrated', measuredWatts: 12, country: 'FRA' }, halfBusy).of(hour);
    expect(measured.energyWh.central).toBeCloseTo(12, 9);
    // 5 % of a meter read by a person.
    expect(measured.energyWh.high / measured.energyWh.central).toBeCloseTo(1.05, 3);
    expect(measured.carbonGrams.central).toBeCloseTo(12 * 0.056, 2);
  });

  it('spans from the least of the shortest work to the most of the longest', () => {
    const meter = new EnergyMeter({ deviceClass: 'phone', measuredWatts: null, country: null }, () => 1);
    const { energyWh, carbonGrams } = meter.between({ low: 100, central: 200, high: 900 });
    const after = (seconds: number) => meter.of([{ seconds, busyFraction: 1 }]);
    expect(energyWh).toEqual({ low: after(100).energyWh.low, central: after(200).energyWh.central, high: after(900).energyWh.high });
    expect(carbonGrams.high).toBe(after(900).carbonGrams.high);
  });
});
