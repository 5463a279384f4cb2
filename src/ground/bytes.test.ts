import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, bytesToUtf8, hexToBytes, utf8ToBytes } from './bytes.ts';

describe('hex', () => {
  it('round-trips', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => { expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes); }));
  });
  it('refuses what is no hex', () => {
    for (const text of ['0', 'zz', '1 ', '+1', '0x']) expect(() => hexToBytes(text)).toThrow();
  });
});

describe('UTF-8', () => {
  it('agrees with the platform on every string', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = utf8ToBytes(text);
      expect(bytes).toEqual(new Uint8Array(new TextEncoder().encode(text)));
      expect(bytesToUtf8(bytes)).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
    }));
    expect(utf8ToBytes('a\ud800b')).toEqual(new Uint8Array(new TextEncoder().encode('a\ud800b')));
  });
  it('refuses malformed bytes exactly where the platform does', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
      const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      let expected: string | null = null;
      try { expected = strict.decode(bytes); } catch { /* the platform refuses */ }
      let found: string | null = null;
      try { found = bytesToUtf8(bytes); } catch { /* so must we */ }
      expect(found).toBe(expected);
    }), { numRuns: 2000 });
    for (const bad of [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) expect(() => bytesToUtf8(Uint8Array.from(bad))).toThrow();
  });
});
