import { carbonGrams, carbonIntensity } from '../energy/carbon.ts';
import { estimateEnergyWh, type EnergyRange, type WorkSegment } from '../energy/estimate.ts';
import type { EnergySettings } from './bedside.service.ts';
import { powerSourceOf } from './energy-settings.ts';

/** Energy and carbon of work that keeps the trainers busy. */
export interface EnergyReading {
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
}

/** Seconds with a range: its ends take the ends of the estimate. */
export type SecondsRange = EnergyRange;

/** Estimates what work draws from its seconds; pauses draw nothing extra. */
export class EnergyMeter {
  readonly #settings: EnergySettings;
  readonly #busyFraction: () => number;

  /** `busyFraction` is the share of the device that works while a run works. */
  constructor(settings: EnergySettings, busyFraction: () => number) {
    this.#settings = settings;
    this.#busyFraction = busyFraction;
  }

  get busyFraction(): number {
    return this.#busyFraction();
  }

  of(segments: readonly WorkSegment[]): EnergyReading {
    const energyWh = estimateEnergyWh(powerSourceOf(this.#settings), segments);
    return { energyWh, carbonGrams: carbonGrams(energyWh, carbonIntensity(this.#settings.country)) };
  }

  /** What work of this length draws, after what has been done already. */
  between({ low, central, high }: SecondsRange, done: readonly WorkSegment[] = []): EnergyReading {
    const [least, middle, most] = [low, central, high].map((seconds) => this.of([...done, { seconds, busyFraction: this.busyFraction }])) as [EnergyReading, EnergyReading, EnergyReading];
    return {
      energyWh: { low: least.energyWh.low, central: middle.energyWh.central, high: most.energyWh.high },
      carbonGrams: { low: least.carbonGrams.low, central: middle.carbonGrams.central, high: most.carbonGrams.high },
    };
  }
}

/** Of the time that is left by the last steps' pace, what it may come to: other programs come and go. */
const leastLeft = 0.8;
const mostLeft = 1.4;

/** What one run has drawn and will have drawn by its end. Each stretch counts as the device was while it lasted, so that a reading never falls. */
export class RunEnergy {
  readonly #meter: EnergyMeter;
  #segments: WorkSegment[] = [];
  #seconds = 0;

  constructor(meter: EnergyMeter) {
    this.#meter = meter;
  }

  /** The reading after so many seconds of work in all. */
  after(seconds: number): EnergyReading {
    const more = Math.max(0, seconds - this.#seconds);
    const { busyFraction } = this.#meter;
    const last = this.#segments.at(-1);
    if (last?.busyFraction === busyFraction) this.#segments[this.#segments.length - 1] = { seconds: last.seconds + more, busyFraction };
    else this.#segments.push({ seconds: more, busyFraction });
    this.#seconds += more;
    return this.#meter.of(this.#segments);
  }

  /** The reading at the end, where this much time is left: low, central and high are at least those of now. */
  atEnd(secondsLeft: number): EnergyReading {
    return this.#meter.between({ low: leastLeft * secondsLeft, central: secondsLeft, high: mostLeft * secondsLeft }, this.#segments);
  }
}
