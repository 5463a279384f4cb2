import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isHeldOut, keyIdOf, normaliseText, unitHash } from './unit-hash.ts';

const key = new Uint8Array(32).fill(7);

describe('unitHash', () => {
  it('is HMAC-SHA-256 of purpose and text, cut to 128 bits', () => {
    const expected = createHmac('sha256', key).update('bedside/row/chest pain, döküman').digest('hex').slice(0, 32);
    expect(unitHash(key, 'row', 'chest pain, döküman')).toBe(expected);
  });

  it('tells rows from persons, keys from keys, and refuses a short key', () => {
    expect(new Set([unitHash(key, 'row', '1'), unitHash(key, 'person', '1'), unitHash(new Uint8Array(32), 'row', '1'), unitHash(key, 'row', '2')]).size).toBe(4);
    expect(keyIdOf(key)).not.toBe(keyIdOf(new Uint8Array(32)));
    expect(keyIdOf(key)).toMatch(/^[0-9a-f]{16}$/);
    expect(() => unitHash(new Uint8Array(8), 'row', '')).toThrow();
  });
});

describe('normaliseText', () => {
  it('sees through case, white space and compatible forms', () => {
    expect(normaliseText('  Pt  c/o\tCHEST\r\n pain ﬁne Å ')).toBe('pt c/o chest pain fine å');
    expect(normaliseText('e\u0301')).toBe(normaliseText('\u00e9'));
  });
  it('is done once', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => { expect(normaliseText(normaliseText(text))).toBe(normaliseText(text)); }));
  });
});

describe('isHeldOut', () => {
  it('holds out the share, and always the same units', () => {
    const units = Array.from({ length: 4000 }, (_, index) => `unit ${index}`);
    const heldOut = units.filter((unit) => isHeldOut(key, unit, 0.2));
    // Binomial(4000, .2) has a deviation of 25; five of them.
    expect(Math.abs(heldOut.length - 800)).toBeLessThan(126);
    for (const unit of heldOut) expect(isHeldOut(key, unit, 0.3)).toBe(true);
    expect(units.some((unit) => isHeldOut(key, unit, 0))).toBe(false);
    expect(units.every((unit) => isHeldOut(key, unit, 1))).toBe(true);
    for (const share of [-0.1, 1.1, NaN]) expect(() => isHeldOut(key, 'unit', share)).toThrow();
  });
  it('deals another way under another key', () => {
    const other = new Uint8Array(32).fill(8);
    const same = Array.from({ length: 1000 }, (_, index) => isHeldOut(key, `${index}`, 0.5) === isHeldOut(other, `${index}`, 0.5)).filter(Boolean).length;
    // Binomial(1000, .5), deviation 16; five of them.
    expect(Math.abs(same - 500)).toBeLessThan(80);
  });
});
