import { BedsideError } from '../ground/errors.ts';
import intensities from './carbon-intensity.json' with { type: 'json' };
import type { EnergyRange } from './estimate.ts';
import { logNormalRange, logSigma } from './range.ts';

/** World average where the country is not known, as CodeCarbon takes it. */
export const worldGramsPerKwh = 475;

export interface CarbonIntensity {
  /** ISO 3166-1 alpha-3, or null for the world. */
  readonly country: string | null;
  /** ISO 3166-1 alpha-2, by which a browser names it in any language; null for the world. */
  readonly region: string | null;
  readonly name: string;
  readonly gramsPerKwh: number;
  /** Year of the value; null for the world. */
  readonly year: number | null;
  /** Standard deviation of the logarithm: a year's mean against the hour (0.15), or a country not known (0.4). */
  readonly sigma: number;
}

export const carbonSource = { source: intensities.source, license: intensities.license, kind: intensities.kind };

function rowsOfCountries(): ReadonlyMap<string, CarbonIntensity> {
  return new Map(Object.entries(intensities.countries).map(([country, [name, gramsPerKwh, year, region]]) => [country, { country, region: String(region), name: String(name), gramsPerKwh: Number(gramsPerKwh), year: Number(year), sigma: 0.15 }]));
}

const countries = rowsOfCountries();

/** Every country with a value, by name. */
export function listCountries(): readonly CarbonIntensity[] {
  return [...countries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Grams of CO2 equivalent a kWh of electricity made in a country, a year's average.
 * @param country ISO 3166-1 alpha-3; null for the world average
 */
export function carbonIntensity(country: string | null): CarbonIntensity {
  if (country === null) return { country: null, region: null, name: 'World', gramsPerKwh: worldGramsPerKwh, year: null, sigma: 0.4 };
  const found = countries.get(country);
  if (found === undefined) throw new BedsideError('energy/unknown-country', 'settings', 'No carbon intensity is known for this country code.', 'Choose a country of the list, or the world average.');
  return found;
}

/** Grams of CO2 equivalent of some energy, with both uncertainties. */
export function carbonGrams(energyWh: EnergyRange, intensity: CarbonIntensity): EnergyRange {
  return logNormalRange((energyWh.central * intensity.gramsPerKwh) / 1000, [logSigma(energyWh), intensity.sigma]);
}
