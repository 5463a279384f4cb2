import { checkPositive } from '../ground/check.ts';
import type { EnergyRange } from './estimate.ts';

export type DeviceClass =
  | 'phone'
  | 'laptop-low-power'
  | 'laptop-integrated'
  | 'laptop-apple-pro'
  | 'laptop-discrete'
  | 'desktop-integrated'
  | 'desktop-discrete'
  | 'desktop-high-end'
  | 'unknown';

/**
 * Extra watts of the whole system at full load over idle, by class of device: priors, not measurements. A browser tells
 * neither the processor nor its power. Low and high are taken as a 95 % interval.
 * Source: own estimate from published wall readings (Mac mini M1 6.8 to 39 W; Intel laptops 28 to 76 W; RTX 2060 laptop 45 to 189 W).
 */
export const extraWatts: Readonly<Record<DeviceClass, EnergyRange>> = {
  phone: { low: 1.5, central: 3, high: 6 },
  'laptop-low-power': { low: 6, central: 12, high: 25 },
  'laptop-integrated': { low: 10, central: 20, high: 40 },
  'laptop-apple-pro': { low: 20, central: 45, high: 90 },
  'laptop-discrete': { low: 50, central: 90, high: 150 },
  'desktop-integrated': { low: 25, central: 50, high: 100 },
  'desktop-discrete': { low: 100, central: 180, high: 300 },
  'desktop-high-end': { low: 200, central: 350, high: 550 },
  unknown: { low: 8, central: 30, high: 200 },
};

/** Where the power figure comes from. */
export type PowerSource =
  | { readonly kind: 'class'; readonly deviceClass: DeviceClass }
  /** Extra watts while training, read from a wall meter by the person. */
  | { readonly kind: 'wall-meter'; readonly watts: number }
  /** Extra watts at the battery while training, and their relative standard error. */
  | { readonly kind: 'battery'; readonly watts: number; readonly relativeError: number };

/** Power at the wall: central watts, and standard deviations of the logarithm of what makes it uncertain. */
export interface WallPower {
  readonly watts: number;
  readonly sigmas: readonly number[];
  /** Whether the watts are those of the work itself, so that the busy fraction is in them already. */
  readonly isMeasuredUnderLoad: boolean;
}

/** Share of wall energy that reaches the battery side (0.82 to 0.93). */
export const supplyEfficiency = 0.88;
const loadSigma = 0.2;
const supplySigma = 0.05;
/** A wall meter read by a person: +-5 % at 95 %. */
const meterSigma = Math.log(1.05) / 1.96;

export function wallPower(source: PowerSource): WallPower {
  switch (source.kind) {
    case 'class': {
      const { low, central, high } = extraWatts[source.deviceClass];
      return { watts: central, sigmas: [Math.log(high / low) / 3.92, loadSigma, supplySigma], isMeasuredUnderLoad: false };
    }
    case 'wall-meter':
      return { watts: checkPositive('watts of the wall meter', source.watts), sigmas: [meterSigma], isMeasuredUnderLoad: true };
    case 'battery':
      return { watts: checkPositive('watts from the battery', source.watts) / supplyEfficiency, sigmas: [source.relativeError, supplySigma], isMeasuredUnderLoad: true };
  }
}
