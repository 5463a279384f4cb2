import type { Note } from '../data/table.ts';
import type { GroupReport } from '../fairness/group-report.ts';
import { groupReports } from '../fairness/group-reports.ts';
import { hideDerivable } from '../fairness/hide-derivable.ts';
import { calibrationReport } from '../metrics/calibration-report.ts';
import type { CalibrationReport } from '../metrics/calibration.ts';
import { classificationReport } from '../metrics/classification-report.ts';
import type { ClassificationReport } from '../metrics/classification.ts';
import { softmaxRows } from '../metrics/softmax.ts';
import { fitTemperature } from '../metrics/temperature.ts';
import { forOwnersEyes, type OwnersEyes } from '../privacy/doors.ts';
import { largestIndex } from './held-out-score.ts';

export interface Evaluation {
  readonly classification: ClassificationReport;
  /** At the fitted temperature: what the page says of a note. The exported model has none. */
  readonly calibration: CalibrationReport;
  /** Fitted on these rows, 1 where there are none; never exported. */
  readonly temperature: number;
  /** Small groups hidden, and what would give them away. */
  readonly groups: readonly GroupReport[];
}

/** Scores of rows by their label's number. Shapes: logits [rows, C], actual [rows]. */
export function classificationOf(logits: Float32Array, actual: readonly number[], labels: readonly string[], seed: number): { readonly classification: ClassificationReport; readonly predicted: readonly number[] } {
  const predicted = actual.map((_, row) => largestIndex(logits, row, labels.length));
  return { classification: classificationReport(actual, predicted, labels, seed), predicted };
}

/**
 * Exact scores of held-out notes, for the owner's eyes.
 * Shapes: logits [rows, C], rows in the order of `notes`.
 */
export function evaluateHeldOut(logits: Float32Array, notes: readonly Note[], labels: readonly string[], groupColumns: readonly string[], seed: number): OwnersEyes<Evaluation> {
  const actual = notes.map((note) => labels.indexOf(note.label));
  const { classification, predicted } = classificationOf(logits, actual, labels, seed);
  const temperature = actual.length > 0 ? fitTemperature(logits, actual, labels.length) : 1;
  return forOwnersEyes({
    classification,
    calibration: calibrationReport(softmaxRows(logits, labels.length, temperature), actual),
    temperature,
    groups: groupReports(actual, predicted, labels, groupColumns.map((column) => ({ column, values: notes.map((note) => note.groups[column] ?? '') }))).map(hideDerivable),
  });
}
