import { carbonIntensity, carbonSource, listCountries, worldGramsPerKwh } from '../energy/carbon.ts';
import { extraWatts, wallPower, type DeviceClass, type PowerSource } from '../energy/power.ts';
import { logNormalRange } from '../energy/range.ts';
import { BedsideError } from '../ground/errors.ts';
import type { EnergyReport, EnergySettings } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import { inTransaction } from './transaction.ts';

const key = 'energy';
/** A power strip gives no more. */
const mostWatts = 3500;

function isDeviceClass(value: unknown): value is DeviceClass {
  return typeof value === 'string' && Object.hasOwn(extraWatts, value);
}

/** A browser tells neither processor nor power: only whether the device is a phone. */
export function defaultEnergySettings(): EnergySettings {
  return { deviceClass: /Android|iPhone|iPad|Mobile/.test(navigator.userAgent) ? 'phone' : 'unknown', measuredWatts: null, country: null };
}

/** Throws where a value is none that estimates can be made of. */
function checkedSettings({ deviceClass, measuredWatts, country }: Readonly<Record<keyof EnergySettings, unknown>>): EnergySettings {
  if (!isDeviceClass(deviceClass)) throw new BedsideError('energy/unknown-class', 'settings', 'This kind of machine is not in the list.', 'Choose one of the list, or “not known”.');
  if (measuredWatts !== null && !(typeof measuredWatts === 'number' && measuredWatts > 0 && measuredWatts <= mostWatts)) {
    throw new BedsideError('energy/watts', 'settings', `Watts must be more than 0 and at most ${mostWatts}.`, 'Read the meter while the device trains and subtract what it shows at rest.', { most: mostWatts });
  }
  if (country !== null) carbonIntensity(String(country));
  return { deviceClass, measuredWatts, country: country === null ? null : String(country) };
}

/** The choices of this installation; the defaults where none were made or what is kept cannot be read. */
export async function readEnergySettings(database: BedsideDatabase): Promise<EnergySettings> {
  const kept = await inTransaction(database, ['settings'], 'readonly', (transaction) => transaction.objectStore('settings').get(key));
  if (kept === undefined) return defaultEnergySettings();
  try {
    const { deviceClass = null, measuredWatts = null, country = null } = Object(JSON.parse(kept)) as Partial<Record<keyof EnergySettings, unknown>>;
    return checkedSettings({ deviceClass, measuredWatts, country });
  } catch {
    return defaultEnergySettings();
  }
}

export async function keepEnergySettings(database: BedsideDatabase, settings: EnergySettings): Promise<void> {
  const checked = checkedSettings(settings);
  await inTransaction(database, ['settings'], 'readwrite', (transaction) => transaction.objectStore('settings').put(JSON.stringify(checked), key));
}

/** Where the watts of these settings come from. */
export function powerSourceOf({ deviceClass, measuredWatts }: EnergySettings): PowerSource {
  return measuredWatts === null ? { kind: 'class', deviceClass } : { kind: 'wall-meter', watts: measuredWatts };
}

export function energyReportOf(settings: EnergySettings): EnergyReport {
  const power = wallPower(powerSourceOf(settings));
  const intensity = carbonIntensity(settings.country);
  return {
    settings,
    watts: logNormalRange(power.watts, power.sigmas),
    gramsPerKwh: logNormalRange(intensity.gramsPerKwh, [intensity.sigma]),
    countries: listCountries().flatMap(({ country, region, gramsPerKwh, year }) => (country === null || region === null || year === null ? [] : [{ country, region, gramsPerKwh, year }])),
    worldGramsPerKwh,
    source: carbonSource.source,
  };
}
