import { expect, it } from 'vitest';
import { placeLabels } from './label-layout.ts';
import { linear, longestWordWidth, matrixShade, path, stepTicks, textWidth, tickDigits, tickStep, ticksTo } from './scale.ts';

it('ticks are round and reach the maximum', () => {
  expect(ticksTo(4, 4)).toEqual([0, 1, 2, 3, 4]);
  expect(ticksTo(19, 2)).toEqual([0, 10, 20]);
  expect(ticksTo(0, 4)).toEqual([0]);
  expect(ticksTo(0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
});

it('ticks are written with as many digits as tell them apart', () => {
  expect(tickDigits([0, 1, 2])).toBe(0);
  expect(tickDigits([0.4, 0.6, 0.8, 1])).toBe(1);
  // Half-way between 1 and 1.5: one digit would make it 1.3.
  expect(tickDigits([1, 1.25, 1.5])).toBe(2);
  expect(tickDigits([0, 1 / 3])).toBe(3);
});

it('a label is as narrow as its longest word, and Chinese as one character', () => {
  expect(longestWordWidth('No follow-up')).toBe(textWidth('follow-'));
  expect(longestWordWidth('Gastroenterology')).toBe(textWidth('Gastroenterology'));
  expect(longestWordWidth('past_medical history')).toBe(textWidth('past_medical'));
  expect(longestWordWidth('消化内科')).toBe(textWidth('消'));
  expect(longestWordWidth('')).toBe(0);
});

it('step ticks are whole and end at the last step', () => {
  for (const steps of [1, 3, 24, 50, 168]) {
    const ticks = stepTicks(steps, 7);
    expect(ticks.every(Number.isInteger)).toBe(true);
    expect(ticks.at(-1)).toBe(steps);
    expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b));
  }
});

it('labels never overlap, and what finds no room is left out in order of priority', () => {
  const placed = placeLabels([{ x: 0, text: 'first of all', priority: 1 }, { x: 10, text: 'in its way', priority: 3 }, { x: 120, text: 'beside it', priority: 2 }], 200);
  expect(placed.map((label) => label.text)).toEqual(['first of all', 'beside it']);
  const spans = placed.map((label) => [label.left, label.left + textWidth(label.text)] as const).sort((a, b) => a[0] - b[0]);
  expect(spans[0]![1]).toBeLessThanOrEqual(spans[1]![0]);
});

it('a label at the right edge turns to the left of its point', () => {
  expect(placeLabels([{ x: 195, text: 'end of run', priority: 1 }], 200)[0]?.anchor).toBe('end');
});

it('scales map ends to ends and survive an empty span', () => {
  expect(linear(0, 4, 10, 110)(2)).toBe(60);
  expect(linear(1, 1, 0, 100)(1)).toBe(0);
  expect(path([[0, 1], [2.04, 3]])).toBe('M0.0 1.0L2.0 3.0');
});

it('numbers on an axis leave room for each other', () => {
  expect(tickStep(20, 18, 18)).toBe(1);
  expect(tickStep(20, 17, 18)).toBe(2);
  expect(tickStep(200, 2, 18)).toBe(10);
  // Nothing fits: the last one alone.
  expect(tickStep(3, 1, 18)).toBe(3);
});

it('a shade grows with the share, and a rare mix-up is not lost', () => {
  expect([0, 0.01, 0.25, 1].map(matrixShade)).toEqual([0, 10, 48, 95]);
});
