import { describe, expect, it } from 'vitest';
import { defaultDelta } from '../training/propose.ts';
import { checkDelta, fewUnitsWarning, parseTrainOptions, twoLayersOf } from './train-options.ts';

describe('checkDelta', () => {
  it('refuses from 1/N on, warns above 1/(10 N), and is content with the default', () => {
    for (const delta of [0.9, 0.01, 1 / 100]) expect(() => checkDelta(delta, 100, 'row')).toThrow(/too large for 100 notes/);
    for (const delta of [0.0099, 0.0011]) expect(checkDelta(delta, 100, 'person')).toMatch(/is large for 100 persons: below 0\.0010 is advised/);
    for (const delta of [0.001, 1e-5]) expect(checkDelta(delta, 100, 'row')).toBeNull();
    for (const units of [1, 7, 49, 12_345, 999_999]) expect(checkDelta(defaultDelta(units), units, 'row')).toBeNull();
  });
});

it('says which rule finds too few units, and claims nothing of the other', () => {
  expect(fewUnitsWarning('row', 1.2)).toBe('These are too few notes for a private model to learn from (x = 1.2, below 2): --method sentences does as well and costs no privacy.');
  expect(fewUnitsWarning('person', 12)).toMatch(/^At epsilon 1 or less, fewer than 300 persons teach/);
  expect(fewUnitsWarning('person', 12)).not.toMatch(/x =|does as well/);
});

it('reads a second layer where there is one', () => {
  expect([2, 6, 12].map((layers) => twoLayersOf(layers).featureLayers)).toEqual([[2, 1], [6, 4], [12, 8]]);
  expect(() => twoLayersOf(1)).toThrow('--two-layers needs a model of two layers at least, found 1.');
});

describe.each([['--balanced', 'isBalanced'], ['--two-layers', 'hasTwoLayers']] as const)('%s', (option, field) => {
  const parse = (...more: string[]) => parseTrainOptions(['--data', 'notes.csv', '--text', 'note', '--label', 'label', '--out', 'model', ...more]);

  it('is off unless given, and for the private head alone', () => {
    expect(parse()[field]).toBe(false);
    expect(parse(option, '--epsilon', '1')[field]).toBe(true);
    for (const other of [['--method', 'lora'], ['--method', 'sentences'], ['--epsilon', 'none']]) expect(() => parse(option, ...other)).toThrow(`${option} is for private runs`);
  });
});
