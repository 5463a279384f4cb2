import { bytesToHex, bytesToUtf8, hexToBytes, utf8ToBytes } from '../../ground/bytes.ts';
import { isoTimestamp } from '../server-time.ts';
import { publicKeyPem, signatureToDer, signedHeaders } from '../signing.ts';
import { holds, type RecordedAuth, type WireCheck, type WireParts } from './wire.ts';

/** DER to r and s one after the other, 48 bytes each. */
export function derToRaw(der: Uint8Array): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array(96);
  let at = 2;
  for (const end of [48, 96]) {
    const digits = der.subarray(at + 2, at + 2 + der[at + 1]!);
    const significant = digits.subarray(Math.max(0, digits.length - 48));
    raw.set(significant, end - significant.length);
    at += 2 + digits.length;
  }
  return raw;
}

/** Keys, times, signatures and headers have the form that Flower writes, and the signatures hold. */
export async function checkAuth(auth: RecordedAuth, { key, verify, timeMs }: WireParts): Promise<readonly WireCheck[]> {
  const checks: WireCheck[] = [];
  for (const { field, text, der_hex: der, raw_hex: raw } of [...auth.der_pairs.map((pair) => ({ ...pair, field: 'der_pairs' })), { ...auth, field: 'der_hex', text: auth.timestamp }]) {
    checks.push({ field, found: bytesToHex(signatureToDer(hexToBytes(raw))), recorded: der });
    checks.push({ field: field === 'der_hex' ? 'raw_hex' : field, found: bytesToHex(derToRaw(hexToBytes(der))), recorded: raw });
    checks.push(holds(field, 'the recorded signature holds', await verify(hexToBytes(raw), utf8ToBytes(text))));
  }
  const headers = await signedHeaders({ publicKeySpki: key.publicKeySpki, sign: () => Promise.resolve(hexToBytes(auth.raw_hex)) }, auth.timestamp);
  for (const [name, value] of Object.entries(auth.headers)) checks.push({ field: 'headers', found: String(headers[name]), recorded: value });
  checks.push({ field: 'public_key_pem', found: bytesToUtf8(publicKeyPem(key.publicKeySpki)), recorded: auth.public_key_pem });
  checks.push({ field: 'timestamp', found: isoTimestamp(timeMs(auth.timestamp)), recorded: auth.timestamp });
  // The time alone is signed.
  checks.push(holds('private_key_pkcs8_pem', 'a signature of the recorded key holds', await verify(new Uint8Array(await key.sign(utf8ToBytes(auth.timestamp))), utf8ToBytes(auth.timestamp))));
  return checks;
}
