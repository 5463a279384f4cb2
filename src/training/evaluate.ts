import type { Note } from '../data/table.ts';
import type { GroupReport } from '../fairness/group-report.ts';
import { groupReports } from '../fairness/group-reports.ts';
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
  /** At temperature 1: what the exported model says. */
  readonly calibration: CalibrationReport;
  /** Fitted on these rows; never exported. */
  readonly temperature: number;
  readonly groups: readonly GroupReport[];
}

/**
 * Exact scores of held-out notes, for the owner's eyes.
 * Shapes: logits [rows, C], rows in the order of `notes`.
 */
export function evaluateHeldOut(logits: Float32Array, notes: readonly Note[], labels: readonly string[], groupColumns: readonly string[], seed: number): OwnersEyes<Evaluation> {
  const classes = labels.length;
  const actual = notes.map((note) => labels.indexOf(note.label));
  const predicted = actual.map((_, row) => largestIndex(logits, row, classes));
  return forOwnersEyes({
    classification: classificationReport(actual, predicted, labels, seed),
    calibration: calibrationReport(softmaxRows(logits, classes), actual),
    temperature: fitTemperature(logits, actual, classes),
    groups: groupReports(actual, predicted, labels, groupColumns.map((column) => ({ column, values: notes.map((note) => note.groups[column] ?? '') }))),
  });
}
