export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly meanConfidence: number | null;
  readonly accuracy: number | null;
  /** Wilson 95 % interval of the accuracy. */
  readonly accuracyLow: number;
  readonly accuracyHigh: number;
}

export interface CalibrationReport {
  /** Expected calibration error over equal-width bins (Guo et al., arXiv 1706.04599). */
  readonly expectedCalibrationError: number;
  readonly bins: readonly ReliabilityBin[];
}
