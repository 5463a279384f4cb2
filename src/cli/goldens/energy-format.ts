import { isJsonObject } from '../../engine/model/json.ts';
import { edgeToEdgePower } from '../../energy/battery.ts';
import { carbonGrams, carbonIntensity } from '../../energy/carbon.ts';
import { cpuConstantWatts, cpuLoadWatts, memoryWatts } from '../../energy/codecarbon.ts';
import { entriesByKey, listOf, numberOf, objectOf, recordedOf, textOf, type Family, type Format } from './format.ts';
import { carbonRules, energyRules } from './rules.ts';

const families: readonly Family[] = [
  { name: 'codecarbon_cpu_load_machine_mode_W', fields: energyRules.codecarbon_cpu_load_machine_mode_W, check: (entry, compare) => compare('power_W', cpuLoadWatts(numberOf(entry, 'tdp'), numberOf(entry, 'load_percent')), recordedOf(entry, 'power_W')) },
  { name: 'codecarbon_constant_mode_W', fields: energyRules.codecarbon_constant_mode_W, check: (entry, compare) => compare('power_W', cpuConstantWatts(numberOf(entry, 'tdp')), recordedOf(entry, 'power_W')) },
  { name: 'codecarbon_ram_W', fields: energyRules.codecarbon_ram_W, check: (entry, compare) => compare('power_W', memoryWatts(numberOf(entry, 'gb'), entry['arm'] === true), recordedOf(entry, 'power_W')) },
  {
    name: 'emissions',
    fields: energyRules.emissions,
    check(entry, compare) {
      const wattHours = numberOf(entry, 'kWh') * 1000;
      compare('gCO2e', carbonGrams({ low: wattHours, central: wattHours, high: wattHours }, carbonIntensity(textOf(entry, 'iso'))).central, recordedOf(entry, 'gCO2e'));
    },
  },
  {
    name: 'battery_discharge',
    fields: energyRules.battery_discharge,
    check(entry, compare) {
      const events = (listOf(entry, 'events_t_s_level') as readonly (readonly [number, number])[]).map(([seconds, level]) => ({ seconds, level }));
      const { watts, steps } = edgeToEdgePower(numberOf(entry, 'capacity_Wh'), events);
      compare('edge_to_edge_power_W', watts, recordedOf(entry, 'edge_to_edge_power_W'));
      compare('n_steps', steps, recordedOf(entry, 'n_steps'));
    },
  },
];

export const energyFormat: Format = { name: 'energy', isFormat: (json) => 'codecarbon_ram_W' in json, families, entriesOf: entriesByKey() };

const countries: Family = {
  name: 'countries',
  fields: carbonRules,
  check(entry, compare) {
    const own = carbonIntensity(textOf(entry, 'iso'));
    compare('name', own.name, recordedOf(entry, 'name'));
    compare('gCO2e_per_kWh', own.gramsPerKwh, recordedOf(entry, 'gCO2e_per_kWh'));
    compare('year', own.year, recordedOf(entry, 'year'));
  },
};

export const carbonFormat: Format = {
  name: 'carbon intensity',
  isFormat: (json) => isJsonObject(json['countries']),
  families: [countries],
  entriesOf: (json) => new Map([['countries', Object.entries(objectOf(json, 'countries')).map(([iso, value]) => ({ iso, ...(isJsonObject(value) ? value : {}) }))]]),
};
