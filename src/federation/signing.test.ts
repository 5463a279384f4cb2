import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8ToBytes } from '../ground/bytes.ts';
import { pemToDer } from './recorded/parts.ts';
import { isoTimestamp, parseHttpDate } from './server-time.ts';
import { bytesToBase64, signatureToDer, signedHeaders } from './signing.ts';
import { golden } from './testing/golden.ts';

const { auth } = golden;
const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
const spki = pemToDer(auth.public_key_pem);
const publicKey = () => crypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
const verifies = async (raw: Uint8Array<ArrayBuffer>, text: string) => crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, await publicKey(), raw, utf8ToBytes(text));

describe('signatures', () => {
  it('by WebCrypto over the timestamp alone hold', async () => {
    const key = await crypto.subtle.importKey('pkcs8', pemToDer(auth.private_key_pkcs8_pem), algorithm, false, ['sign']);
    const signed: Uint8Array[] = [];
    let raw = new Uint8Array(0);
    await signedHeaders(
      {
        publicKeySpki: spki,
        sign: async (message) => {
          signed.push(message);
          raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, message));
          return raw;
        },
      },
      auth.timestamp,
    );
    expect(signed).toEqual([utf8ToBytes(auth.timestamp)]);
    expect(await verifies(raw, auth.timestamp)).toBe(true);
  });

  it('refuse what is no pair of numbers', () => {
    expect(() => signatureToDer(new Uint8Array(95))).toThrow(expect.objectContaining({ code: 'internal/invariant' }));
    expect(() => signatureToDer(new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'internal/invariant' }));
  });
});

describe('base64', () => {
  it('is that of Node', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => { expect(bytesToBase64(bytes)).toBe(Buffer.from(bytes).toString('base64')); }));
  });
});

describe('times', () => {
  const anyTime = fc.integer({ min: 0, max: 4_102_444_800_000 });

  it('are written as the JavaScript engine writes them, with an offset', () => {
    fc.assert(fc.property(anyTime, (atMs) => { expect(isoTimestamp(atMs)).toBe(new Date(atMs).toISOString().replace('Z', '000+00:00')); }));
    expect(isoTimestamp(Date.parse('2024-02-29T23:59:59.999Z'))).toBe('2024-02-29T23:59:59.999000+00:00');
    expect(isoTimestamp(Date.parse(auth.timestamp))).toBe(auth.timestamp);
  });

  it('are read from a Date header as the JavaScript engine reads them', () => {
    fc.assert(fc.property(anyTime, (atMs) => { expect(parseHttpDate(new Date(atMs).toUTCString())).toBe(Math.floor(atMs / 1000) * 1000); }));
    for (const text of ['', 'yesterday', 'Tue, 24 Nov 2026 02:41:08', 'Tue, 24 Nov 2026 25:41:08 GMT', 'Tue, 24 Abc 2026 02:41:08 GMT']) expect(parseHttpDate(text)).toBeNull();
  });
});
