import { describe, expect, it } from 'vitest';
import { fleetEnergyWh } from './fleet.ts';
import { extraWatts } from './power.ts';

describe('the energy of many devices', () => {
  it('is watts times their seconds together, as wide as what is unknown of one', () => {
    const hour = fleetEnergyWh(3600);
    expect(hour.central).toBe(extraWatts.unknown.central);
    // The class's own range, widened by what is unknown of load and supply.
    expect(hour.low).toBeLessThan(extraWatts.unknown.central * Math.sqrt(extraWatts.unknown.low / extraWatts.unknown.high));
    expect(hour.high).toBeGreaterThan(extraWatts.unknown.central * Math.sqrt(extraWatts.unknown.high / extraWatts.unknown.low));
    // Thirty devices of one kind err in one direction: their range does not narrow.
    const thirty = fleetEnergyWh(30 * 3600);
    expect(thirty.high / thirty.low).toBeCloseTo(hour.high / hour.low, 9);
    expect(thirty.central).toBeCloseTo(30 * hour.central, 9);
  });

  it('is none where nothing computed', () => {
    expect(fleetEnergyWh(0)).toEqual({ low: 0, central: 0, high: 0 });
  });
});
