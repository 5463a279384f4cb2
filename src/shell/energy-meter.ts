import { carbonGrams, carbonIntensity } from '../energy/carbon.ts';
import { estimateEnergyWh, type EnergyRange } from '../energy/estimate.ts';
import type { EnergySettings } from './bedside.service.ts';
import { powerSourceOf } from './energy-settings.ts';

/** Energy and carbon of work that keeps the trainers busy. */
export interface EnergyReading {
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
}

/** Estimates what a run has drawn from its working seconds; pauses draw nothing extra. */
export class EnergyMeter {
  readonly #settings: EnergySettings;
  readonly #busyFraction: () => number;

  /** `busyFraction` is the share of the device that works while a run works. */
  constructor(settings: EnergySettings, busyFraction: () => number) {
    this.#settings = settings;
    this.#busyFraction = busyFraction;
  }

  after(seconds: number): EnergyReading {
    const energyWh = estimateEnergyWh(powerSourceOf(this.#settings), [{ seconds, busyFraction: this.#busyFraction() }]);
    return { energyWh, carbonGrams: carbonGrams(energyWh, carbonIntensity(this.#settings.country)) };
  }

  /** Work whose length is a range itself: its ends take the ends of the estimate. */
  between({ low, central, high }: { readonly low: number; readonly central: number; readonly high: number }): EnergyReading {
    const [least, middle, most] = [this.after(low), this.after(central), this.after(high)];
    return {
      energyWh: { low: least.energyWh.low, central: middle.energyWh.central, high: most.energyWh.high },
      carbonGrams: { low: least.carbonGrams.low, central: middle.carbonGrams.central, high: most.carbonGrams.high },
    };
  }
}
