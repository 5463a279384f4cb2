/** An estimate with its range, never a measurement. */
export interface EnergyRange {
  readonly low: number;
  readonly central: number;
  readonly high: number;
}
