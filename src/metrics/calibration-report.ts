import type { CalibrationReport, ReliabilityBin } from './calibration.ts';
import { proportion } from './proportion.ts';
import { classCountOf } from './softmax.ts';

/**
 * Expected calibration error of the most probable class over equal-width bins (low, high], and the bins themselves.
 * An empty bin has null confidence and accuracy and the whole range as interval.
 * Shapes: probabilities [N, C] row-major. Source: Guo et al., arXiv 1706.04599, equation 3.
 */
export function calibrationReport(probabilities: ArrayLike<number>, trueIndex: ArrayLike<number>, binCount = 15): CalibrationReport {
  const classes = classCountOf(probabilities, trueIndex);
  const rows = trueIndex.length;
  const counts = new Float64Array(binCount);
  const hits = new Float64Array(binCount);
  const confidences = new Float64Array(binCount);
  for (let row = 0; row < rows; row++) {
    let predicted = 0;
    for (let c = 1; c < classes; c++) if (probabilities[row * classes + c]! > probabilities[row * classes + predicted]!) predicted = c;
    const confidence = probabilities[row * classes + predicted]!;
    let bin = Math.min(binCount - 1, Math.max(0, Math.ceil(confidence * binCount) - 1));
    // The product may round across an edge that the quotient does not.
    if (bin > 0 && confidence <= bin / binCount) bin--;
    counts[bin]!++;
    confidences[bin]! += confidence;
    if (predicted === trueIndex[row]) hits[bin]!++;
  }
  let error = 0;
  const bins = Array.from({ length: binCount }, (_, bin): ReliabilityBin => {
    const count = counts[bin]!;
    if (count > 0) error += Math.abs(hits[bin]! - confidences[bin]!) / rows;
    const accuracy = proportion(hits[bin]!, count);
    return { low: bin / binCount, high: (bin + 1) / binCount, count, meanConfidence: count === 0 ? null : confidences[bin]! / count, accuracy: accuracy.value, accuracyLow: accuracy.low, accuracyHigh: accuracy.high };
  });
  return { expectedCalibrationError: error, bins };
}
