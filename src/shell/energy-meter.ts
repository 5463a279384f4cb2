import type { EnergyRange } from '../energy/estimate.ts';

/** Energy and carbon of work that keeps the trainers busy. */
export interface EnergyReading {
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
}

/** TEMP until the estimator lands. */
export class EnergyMeter {
  after(seconds: number): EnergyReading {
    const hours = seconds / 3600;
    const energyWh = { low: 8 * hours, central: 30 * hours, high: 200 * hours };
    return { energyWh, carbonGrams: { low: energyWh.low * 0.4, central: energyWh.central * 0.475, high: energyWh.high * 0.55 } };
  }
}
