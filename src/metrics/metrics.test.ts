import { describe, expect, test } from 'vitest';
import { calibrationReport } from './calibration-report.ts';
import { classificationReport } from './classification-report.ts';
import fixture from './scikit-learn.fixture.json' with { type: 'json' };
import { logLossNats, softmaxRows } from './softmax.ts';
import { fitTemperature } from './temperature.ts';

const labels = ['a', 'b', 'c', 'd', 'e'];

describe.each(fixture.cases)('as scikit-learn: $name', (golden) => {
  const report = classificationReport(golden.trueIndex, golden.predictedIndex, labels.slice(0, golden.classes), 1);
  const probabilities = softmaxRows(golden.logits, golden.classes);

  // 12 decimals: sums of at most 120 terms of size 1 in float64, in whatever order.
  test('accuracy, macro-F1, scores of each class, confusion', () => {
    expect(report.accuracy.value).toBeCloseTo(golden.accuracy, 12);
    // Without `labels`, scikit-learn averages over classes that occur or are predicted, as we do.
    expect(report.macroF1).toBeCloseTo(golden.macroF1, 12);
    report.classes.forEach((own, index) => {
      expect(own.support).toBe(golden.support[index]);
      expect(own.precision ?? 0).toBeCloseTo(golden.precision[index]!, 12);
      expect(own.recall ?? 0).toBeCloseTo(golden.recall[index]!, 12);
      expect(own.f1 ?? 0).toBeCloseTo(golden.f1[index]!, 12);
    });
    expect(report.confusion).toEqual(golden.confusion);
  });

  test('log loss, expected calibration error, reliability diagram', () => {
    // scikit-learn takes probabilities and clips them at 2e-16; none of these comes near.
    expect(logLossNats(golden.logits, golden.trueIndex)).toBeCloseTo(golden.logLoss, 10);
    const calibration = calibrationReport(probabilities, golden.trueIndex);
    expect(calibration.expectedCalibrationError).toBeCloseTo(golden.expectedCalibrationError, 12);
    const filled = calibration.bins.filter((bin) => bin.count > 0);
    expect(filled).toHaveLength(golden.curveAccuracy.length);
    filled.forEach((bin, index) => {
      expect(bin.accuracy).toBeCloseTo(golden.curveAccuracy[index]!, 12);
      expect(bin.meanConfidence).toBeCloseTo(golden.curveConfidence[index]!, 12);
    });
  });

  test('temperature', () => {
    const temperature = fitTemperature(golden.logits, golden.trueIndex, golden.classes);
    // Where every row is right the reference ends at its bound, certain; ours is as sure as so many rows make it.
    if (golden.accuracy === 1) return expect(temperature).toBeGreaterThan(10 * golden.temperature);
    // The golden search stops where the loss is flat to rounding: the square root of it in the argument.
    expect(Math.abs(temperature / golden.temperature - 1)).toBeLessThan(1e-6);
    expect(logLossNats(golden.logits, golden.trueIndex, temperature)).toBeLessThanOrEqual(golden.lossAtTemperature + 1e-14);
  });
});

describe('what is undefined', () => {
  test('a class that neither occurs nor is predicted has null scores and does not lower the mean', () => {
    const report = classificationReport([0, 0, 1], [0, 1, 1], ['a', 'b', 'unused'], 1);
    expect(report.classes[2]).toMatchObject({ precision: null, recall: null, f1: null, f1Low: 0, f1High: 1 });
    expect(report.macroF1).toBeCloseTo(2 / 3, 12);
  });

  test('a class that occurs and is never predicted: precision null, F1 0', () => {
    expect(classificationReport([0, 1], [0, 0], ['a', 'b'], 1).classes[1]).toMatchObject({ precision: null, recall: 0, f1: 0 });
  });

  test('no rows', () => {
    const report = classificationReport([], [], ['a'], 1);
    expect(report.accuracy).toEqual({ count: 0, total: 0, value: null, low: 0, high: 1 });
    expect(report.macroF1).toBe(0);
    expect(calibrationReport([], []).expectedCalibrationError).toBe(0);
    expect(fitTemperature([], [], 3)).toBe(1);
  });

  test('an index that names no label', () => {
    expect(() => classificationReport([0, 2], [0, 0], ['a', 'b'], 1)).toThrow(expect.objectContaining({ code: 'internal/invariant' }));
  });
});

describe('intervals', () => {
  const golden = fixture.cases[0]!;

  test('Wilson for accuracy, precision and recall; the majority label as baseline', () => {
    const report = classificationReport([0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 0, 0], ['a', 'b', 'c'], 1);
    // 4 of 6: Wilson 1927 at z = 1.959964, worked by hand from (p + z²/2n ± z sqrt(pq/n + z²/4n²)) / (1 + z²/n).
    expect(report.accuracy.low).toBeCloseTo(0.299993, 5);
    expect(report.accuracy.high).toBeCloseTo(0.903229, 5);
    expect(report.majorityBaseline).toMatchObject({ count: 3, total: 6, value: 0.5 });
    expect(report.classes[0]!.precisionInterval).toMatchObject({ count: 3, total: 5 });
  });

  test('F1 of a class that is always right, or always wrong, has an interval that narrows with its rows', () => {
    const of = (rows: number) => classificationReport(Array.from({ length: 3 * rows }, (_, row) => row % 3), Array.from({ length: 3 * rows }, (_, row) => [0, 2, 1][row % 3]!), ['right', 'b', 'c'], 1).classes;
    const [few, many] = [of(4), of(400)];
    // Four of four: Wilson's lower bound is n / (n + z²), of precision and of recall.
    expect(few[0]).toMatchObject({ f1: 1, f1High: 1 });
    expect(few[0]!.f1Low).toBeCloseTo(4 / (4 + 3.841459), 5);
    expect(few[1]).toMatchObject({ f1: 0, f1Low: 0 });
    expect(few[1]!.f1High).toBeCloseTo(3.841459 / (4 + 3.841459), 5);
    expect(many[0]!.f1Low).toBeGreaterThan(0.99);
    expect(many[1]!.f1High).toBeLessThan(0.01);
  });

  test('the bootstrap of F1 repeats under its seed, holds the score, and narrows with the rows', () => {
    const report = (copies: number, seed: number) => classificationReport(
      Array.from({ length: copies }, () => golden.trueIndex).flat(), Array.from({ length: copies }, () => golden.predictedIndex).flat(), labels.slice(0, 4), seed);
    const once = report(1, 1);
    expect(report(1, 1)).toEqual(once);
    expect(report(1, 2).classes[0]!.f1Low).not.toBe(once.classes[0]!.f1Low);
    for (const own of once.classes) {
      expect(own.f1Low).toBeLessThan(own.f1!);
      expect(own.f1High).toBeGreaterThan(own.f1!);
    }
    const width = (index: number, from: ReturnType<typeof report>) => from.classes[index]!.f1High - from.classes[index]!.f1Low;
    // Sixteen times the rows: a quarter of the width, give or take the bootstrap's own tenth.
    const narrow = report(16, 1);
    for (let index = 0; index < 4; index++) {
      expect(width(index, narrow) / width(index, once)).toBeGreaterThan(0.18);
      expect(width(index, narrow) / width(index, once)).toBeLessThan(0.33);
    }
  });
});

describe('calibration', () => {
  test('bins are closed on the right: a confidence on an edge belongs below it', () => {
    const bins = calibrationReport([0.6, 0.4, 0.4, 0.6], [0, 1], 5).bins;
    expect(bins.map(({ count }) => count)).toEqual([0, 0, 2, 0, 0]);
    expect(calibrationReport([0.2, 0.2, 0.2, 0.2, 0.2], [0], 5).bins[0]!.count).toBe(1);
  });

  test('certain and right is no error, certain and half wrong is one half', () => {
    expect(calibrationReport([1, 0, 0, 1], [0, 1]).expectedCalibrationError).toBe(0);
    expect(calibrationReport([1, 0, 0, 1], [0, 0]).expectedCalibrationError).toBe(0.5);
  });

  test('a model that is right every time is as sure as so many notes make it, and no surer', () => {
    // Three classes, every row right by the same margin: the best confidence is the target's share of its class.
    for (const rows of [4, 60, 3000]) {
      const trueIndex = Array.from({ length: rows }, (_, row) => row % 3);
      const logits = trueIndex.flatMap((label) => [0, 1, 2].map((c) => (c === label ? 2 : 0)));
      const temperature = fitTemperature(logits, trueIndex, 3);
      expect(softmaxRows(logits.slice(0, 3).map((logit) => logit / temperature), 3)[0]).toBeCloseTo((rows + 1) / (rows + 3), 9);
    }
    // Of one class there is nothing to be unsure of.
    expect(fitTemperature([1, 2], [0, 0], 1)).toBeGreaterThan(0);
  });

  test('a model whose logits are k times too large gets temperature k', () => {
    const { logits, trueIndex, classes } = fixture.cases[0]!;
    const base = fitTemperature(logits, trueIndex, classes);
    expect(fitTemperature(logits.map((logit) => 3 * logit), trueIndex, classes)).toBeCloseTo(3 * base, 9);
  });

  test('logits that say the opposite end at the bound, and those that are always right do not', () => {
    expect(fitTemperature([5, -5, -5, 5], [1, 0], 2)).toBe(20);
    expect(fitTemperature([5, -5, -5, 5], [0, 1], 2)).toBeCloseTo(10 / Math.log(3), 9);
  });
});
