import type { WorkSegment } from '../energy/estimate.ts';
import type { BedsideDatabase } from './database.ts';
import { EnergyMeter, type EnergyReading } from './energy-meter.ts';
import { readEnergySettings } from './energy-settings.ts';

/** What a stretch of work drew, by the settings of this device. */
export async function readingOf(database: BedsideDatabase, work: WorkSegment): Promise<EnergyReading> {
  return new EnergyMeter(await readEnergySettings(database), () => work.busyFraction).of([work]);
}
