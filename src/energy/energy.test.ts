import { describe, expect, test } from 'vitest';
import goldens from '../fixtures/goldens/energy.json' with { type: 'json' };
import { batteryPowerSource, batteryRelativeError, edgeToEdgePower, type LevelEvent } from './battery.ts';
import { carbonGrams, carbonIntensity, carbonSource, listCountries, worldGramsPerKwh } from './carbon.ts';
import { cpuConstantWatts, cpuLoadWatts, memoryWatts } from './codecarbon.ts';
import { estimateEnergyWh } from './estimate.ts';
import { extraWatts, supplyEfficiency, type DeviceClass } from './power.ts';
import { addRanges, logNormalRange } from './range.ts';

describe('CodeCarbon b05965e', () => {
  // Exact formulas in float64; 1e-9 leaves room for the order of the products.
  test('processor under load, constant mode, memory', () => {
    for (const { tdp, load_percent, power_W } of goldens.codecarbon_cpu_load_machine_mode_W) expect(cpuLoadWatts(tdp, load_percent)).toBeCloseTo(power_W, 9);
    for (const { tdp, power_W } of goldens.codecarbon_constant_mode_W) expect(cpuConstantWatts(tdp)).toBeCloseTo(power_W, 9);
    for (const { gb, arm, power_W } of goldens.codecarbon_ram_W) expect(memoryWatts(gb, arm)).toBeCloseTo(power_W, 9);
  });

  test('memory of large servers: 17 modules and more at 70 %', () => {
    // 4 TB in 32 modules of 128 GB: 4 x 5 + 4 x 4.5 + 8 x 4 + 16 x 3.5.
    expect(memoryWatts(4096, false)).toBeCloseTo(126, 9);
  });

  test('emissions by country', () => {
    for (const { kWh, iso, gCO2e } of goldens.emissions) expect(carbonGrams({ low: kWh * 1000, central: kWh * 1000, high: kWh * 1000 }, carbonIntensity(iso)).central).toBeCloseTo(gCO2e, 9);
  });
});

test('every country has a code that a browser can name', () => {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  const regions = listCountries().map(({ region }) => region ?? '');
  expect(new Set(regions).size).toBe(212);
  expect(regions.filter((region) => names.of(region) === undefined)).toEqual([]);
  expect(['GBR', 'CHE', 'KOR', 'BEN'].map((country) => carbonIntensity(country).region)).toEqual(['GB', 'CH', 'KR', 'BJ']);
  expect(carbonIntensity(null).region).toBeNull();
});

describe('battery', () => {
  const events = (rows: readonly (readonly number[])[]): LevelEvent[] => rows.map(([seconds, level]) => ({ seconds: seconds!, level: level! }));

  test.each(goldens.battery_discharge)('$true_power_W W from edge to edge', ({ capacity_Wh, events_t_s_level, edge_to_edge_power_W, n_steps }) => {
    const power = edgeToEdgePower(capacity_Wh, events(events_t_s_level));
    // The file prints six decimals.
    expect(power.watts).toBeCloseTo(edge_to_edge_power_W, 5);
    expect(power.steps).toBe(n_steps);
  });

  test('too few steps, or a level that rises, is refused', () => {
    const falling = Array.from({ length: 6 }, (_, index) => [index * 100, 0.9 - index / 100]);
    expect(() => edgeToEdgePower(50, events(falling))).toThrow(expect.objectContaining({ code: 'energy/battery-window' }));
    const rising = Array.from({ length: 9 }, (_, index) => [index * 100, 0.5 + index / 100]);
    expect(() => edgeToEdgePower(50, events(rising))).toThrow(expect.objectContaining({ code: 'energy/battery-window' }));
    expect(() => edgeToEdgePower(50, [])).toThrow(expect.objectContaining({ code: 'energy/battery-window' }));
  });

  test('training less idle, worn, with the errors of both windows', () => {
    const source = batteryPowerSource({ watts: 8, steps: 10 }, { watts: 28, steps: 20 });
    expect(source.watts).toBeCloseTo(18, 12);
    // Half steps: 28 x 0.5/20 = 0.7 W and 8 x 0.5/10 = 0.4 W of 20 W, beside 10 % of wear and 5 % of the gauge.
    expect(source.relativeError).toBeCloseTo(Math.sqrt(0.035 ** 2 + 0.02 ** 2 + 0.1 ** 2 + 0.05 ** 2), 12);
    expect(batteryRelativeError(10)).toBeCloseTo(Math.sqrt(0.05 ** 2 + 0.1 ** 2 + 0.05 ** 2), 12);
    expect(() => batteryPowerSource({ watts: 10, steps: 10 }, { watts: 9, steps: 10 })).toThrow(expect.objectContaining({ code: 'energy/battery-no-difference' }));
  });
});

describe('the estimate', () => {
  const laptop = { kind: 'class', deviceClass: 'laptop-integrated' } as const;

  test('an hour at full load: the prior, and a range wider than the prior’s', () => {
    const { low, central, high } = estimateEnergyWh(laptop, [{ seconds: 3600, busyFraction: 1 }]);
    expect(central).toBeCloseTo(20, 12);
    // sigma = sqrt((ln 4 / 3.92)² + 0.2² + 0.05²) = 0.40946; e^(1.96 sigma) = 2.2312.
    expect(high / central).toBeCloseTo(2.2312, 3);
    expect(central / low).toBeCloseTo(2.2312, 3);
  });

  test('nothing ran: zero; segments add; half busy is half', () => {
    expect(estimateEnergyWh(laptop, [])).toEqual({ low: 0, central: 0, high: 0 });
    const parts = [{ seconds: 100, busyFraction: 0.5 }, { seconds: 50, busyFraction: 1 }];
    const whole = estimateEnergyWh(laptop, parts);
    const sum = addRanges(parts.map((part) => estimateEnergyWh(laptop, [part])));
    for (const end of ['low', 'central', 'high'] as const) expect(whole[end]).toBeCloseTo(sum[end], 12);
    expect(whole.central).toBeCloseTo(estimateEnergyWh(laptop, [{ seconds: 100, busyFraction: 1 }]).central, 12);
  });

  test('a wall meter replaces the prior: within 5 %, whatever the busy fraction', () => {
    const { low, central, high } = estimateEnergyWh({ kind: 'wall-meter', watts: 36 }, [{ seconds: 100, busyFraction: 0.3 }]);
    expect(central).toBeCloseTo(1, 12);
    expect(high).toBeCloseTo(1.05, 12);
    expect(low).toBeCloseTo(1 / 1.05, 12);
  });

  test('battery watts are fewer than those at the wall', () => {
    const { central, high } = estimateEnergyWh({ kind: 'battery', watts: 18, relativeError: 0.12 }, [{ seconds: 3600, busyFraction: 1 }]);
    expect(central).toBeCloseTo(18 / supplyEfficiency, 12);
    expect(high / central).toBeCloseTo(Math.exp(1.96 * 0.13), 12);
  });

  test.each(Object.keys(extraWatts) as DeviceClass[])('%s: low below central below high', (deviceClass) => {
    const { low, central, high } = extraWatts[deviceClass];
    expect(low).toBeLessThan(central);
    expect(central).toBeLessThan(high);
  });

  test('settings that cannot be', () => {
    expect(() => estimateEnergyWh(laptop, [{ seconds: -1, busyFraction: 1 }])).toThrow(expect.objectContaining({ code: 'settings/out-of-range' }));
    expect(() => estimateEnergyWh(laptop, [{ seconds: 1, busyFraction: 1.2 }])).toThrow(expect.objectContaining({ code: 'settings/out-of-range' }));
    expect(() => estimateEnergyWh({ kind: 'wall-meter', watts: 0 }, [])).toThrow(expect.objectContaining({ code: 'settings/out-of-range' }));
  });
});

describe('carbon', () => {
  test('energy and intensity widen the range together', () => {
    const energy = logNormalRange(100, [0.4]);
    const known = carbonGrams(energy, carbonIntensity('FRA'));
    expect(known.high / known.central).toBeCloseTo(Math.exp(1.96 * Math.sqrt(0.4 ** 2 + 0.15 ** 2)), 9);
    const world = carbonGrams(energy, carbonIntensity(null));
    expect(world.central).toBeCloseTo((100 * worldGramsPerKwh) / 1000, 9);
    expect(world.high / world.central).toBeCloseTo(Math.exp(1.96 * Math.sqrt(0.4 ** 2 + 0.4 ** 2)), 9);
    expect(carbonGrams({ low: 0, central: 0, high: 0 }, carbonIntensity(null))).toEqual({ low: 0, central: 0, high: 0 });
  });

  test('212 countries, by name, with their source and licence', () => {
    const countries = listCountries();
    expect(countries).toHaveLength(212);
    expect(countries.every(({ gramsPerKwh, year }) => gramsPerKwh >= 20 && gramsPerKwh <= 1307 && year !== null && year > 2000)).toBe(true);
    expect(carbonSource.license).toContain('CC BY 4.0');
    expect(() => carbonIntensity('XXX')).toThrow(expect.objectContaining({ code: 'energy/unknown-country' }));
  });
});
