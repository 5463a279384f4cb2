import { carbonGrams, carbonIntensity } from '../energy/carbon.ts';
import { estimateEnergyWh, type EnergyRange } from '../energy/estimate.ts';
import type { DeviceClass } from '../energy/power.ts';

/** Energy and carbon of work that keeps the trainers busy. */
export interface EnergyReading {
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
}

/** A browser tells neither processor nor power: only whether the device is a phone. */
function deviceClass(): DeviceClass {
  return /Android|iPhone|iPad|Mobile/.test(navigator.userAgent) ? 'phone' : 'unknown';
}

/** Estimates what a run has drawn from its working seconds; pauses draw nothing extra. */
export class EnergyMeter {
  readonly #busyFraction: () => number;

  /** `busyFraction` is the share of the device that works while a run works. */
  constructor(busyFraction: () => number) {
    this.#busyFraction = busyFraction;
  }

  after(seconds: number): EnergyReading {
    const energyWh = estimateEnergyWh({ kind: 'class', deviceClass: deviceClass() }, [{ seconds, busyFraction: this.#busyFraction() }]);
    return { energyWh, carbonGrams: carbonGrams(energyWh, carbonIntensity(null)) };
  }
}
