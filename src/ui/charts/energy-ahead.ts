import type { EnergyRange } from '../../energy/estimate.ts';

/**
 * What a run will have drawn at its end: by its own pace where it has one, by the plan's forecast before.
 * Guarantee: low, central and high are no less than what has been drawn, so that no line and no band goes down.
 */
export function energyAhead(now: EnergyRange, byPace: EnergyRange | null, forecast: EnergyRange | null): EnergyRange | null {
  const end = byPace ?? forecast;
  return end && { low: Math.max(now.low, end.low), central: Math.max(now.central, end.central), high: Math.max(now.high, end.high) };
}
