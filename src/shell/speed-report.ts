import type { EnergySettings, MeasuredSetup, MeasuredSpeed, SpeedReport } from './bedside.service.ts';
import { EnergyMeter } from './energy-meter.ts';

const key = 'bedside.speed';
const notes = 1000;

/** What was measured, with what 1,000 notes draw by these settings. */
export function speedReportOf(measured: MeasuredSpeed, settings: EnergySettings): SpeedReport {
  const energyOf = ({ busyFraction }: MeasuredSetup, notesPerSecond: number) => new EnergyMeter(settings, () => busyFraction).of([{ seconds: notes / notesPerSecond, busyFraction }]).energyWh;
  const { deviceClass, measuredWatts } = settings;
  return {
    ...measured,
    power: { deviceClass, measuredWatts },
    setups: measured.setups.map((setup) => ({ ...setup, energyWhPer1000: { read: energyOf(setup, setup.notesPerSecond.read), adapters: energyOf(setup, setup.notesPerSecond.adapters) } })),
  };
}

const isPositive = (value: unknown): value is number => typeof value === 'number' && value > 0 && Number.isFinite(value);

function isSetup(value: unknown): value is MeasuredSetup {
  const { backend, device, notesPerSecond, stepMs, stepNotes, launches, memoryBytes, busyFraction } = Object(value) as Partial<Record<keyof MeasuredSetup, unknown>>;
  const { name, workers } = Object(device) as Readonly<Record<string, unknown>>;
  const { read, head, adapters } = Object(notesPerSecond) as Readonly<Record<string, unknown>>;
  return (backend === 'wasm' || backend === 'webgpu') && typeof name === 'string' && (launches === null || typeof launches === 'number') && [workers, read, head, adapters, stepMs, stepNotes, memoryBytes, busyFraction].every(isPositive);
}

/** Whether a value that was kept by this or another version has all that is shown. */
export function isMeasuredSpeed(value: unknown): value is MeasuredSpeed {
  const { measuredAtMs, encoder, tokens, cores, browser, noWebGpu, setups } = Object(value) as Partial<Record<keyof MeasuredSpeed, unknown>>;
  return [measuredAtMs, tokens, cores].every(isPositive) && typeof encoder === 'string' && typeof browser === 'string' && (noWebGpu === null || typeof noWebGpu === 'string') && Array.isArray(setups) && setups.length > 0 && setups.every(isSetup);
}

/** Where it is kept; taking hold of it may throw where a browser refuses storage. */
type Shelf = Pick<Storage, 'getItem' | 'setItem'>;

/** The last measurement of this browser; null where there is none that can be read. */
export function readMeasuredSpeed(shelf: () => Shelf): MeasuredSpeed | null {
  try {
    const value: unknown = JSON.parse(shelf().getItem(key) ?? 'null');
    return isMeasuredSpeed(value) ? value : null;
  } catch {
    return null;
  }
}

export function keepMeasuredSpeed(shelf: () => Shelf, measured: MeasuredSpeed): void {
  try {
    shelf().setItem(key, JSON.stringify(measured));
  } catch {
    // A browser may refuse storage; the table is then shown until the page is closed.
  }
}
