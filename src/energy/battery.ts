import { checkPositive } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import type { PowerSource } from './power.ts';

/** The battery level as it was seen to change. */
export interface LevelEvent {
  readonly seconds: number;
  /** From 0 to 1, in steps of about 0.01. */
  readonly level: number;
}

export interface BatteryPower {
  readonly watts: number;
  /** Steps of the level between the first and the last change. */
  readonly steps: number;
}

const fewestSteps = 5;
/** Share of the design capacity that an aged battery still has (0.7 to 1). */
export const wearFactor = 0.9;
const wearError = 0.1;
const meterError = 0.05;

/**
 * Power drawn from a battery, from one change of its level to another: between changes the level is not known.
 * The first event is where watching began, not a change, and is left out.
 * Units: capacity in Wh, power in W.
 * @throws {BedsideError} fewer than five steps, or a level that does not fall
 */
export function edgeToEdgePower(capacityWh: number, events: readonly LevelEvent[]): BatteryPower {
  checkPositive('battery capacity', capacityWh);
  const changes = events.slice(1);
  const steps = changes.length - 1;
  const first = changes[0];
  const last = changes.at(-1);
  if (first === undefined || last === undefined || steps < fewestSteps || last.level >= first.level || last.seconds <= first.seconds) {
    throw new BedsideError('energy/battery-window', 'device', `The battery level fell by ${Math.max(0, steps)} steps; at least ${fewestSteps} are needed.`, 'Unplug the charger and measure for longer.', { steps: Math.max(0, steps), fewestSteps });
  }
  return { watts: (capacityWh * (first.level - last.level) * 3600) / (last.seconds - first.seconds), steps };
}

/** Relative standard error of a battery reading: half a step, wear, and the gauge's own curve. */
export function batteryRelativeError(steps: number): number {
  return Math.hypot(0.5 / steps, wearError, meterError);
}

/**
 * Extra power of training over idle from two battery windows, the capacity being the design capacity.
 * @throws {BedsideError} training drew no more than idling
 */
export function batteryPowerSource(idle: BatteryPower, training: BatteryPower): Extract<PowerSource, { kind: 'battery' }> {
  const extra = (training.watts - idle.watts) * wearFactor;
  if (!(extra > 0)) throw new BedsideError('energy/battery-no-difference', 'device', 'Training drew no more from the battery than idling.', 'Close other programs, keep the screen as it is, and measure again.');
  // Wear scales both windows alike; the half steps of each add to the difference.
  const readings = Math.hypot((training.watts * 0.5) / training.steps, (idle.watts * 0.5) / idle.steps) / (training.watts - idle.watts);
  return { kind: 'battery', watts: extra, relativeError: Math.hypot(readings, wearError, meterError) };
}
