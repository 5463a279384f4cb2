import { utf8ToBytes } from '../ground/bytes.ts';
import { invariant } from '../ground/check.ts';

/** The node's secret, whatever keeps it: ECDSA over P-384 with SHA-256. */
export interface SigningKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Uint8Array;
  /** r and s one after the other, as WebCrypto signs. */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** SHA-256. */
export type Sha256 = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 with padding (RFC 4648, section 4). */
export function bytesToBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const word = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const isShort = bytes.length - at;
    text += BASE64[word >>> 18]! + BASE64[(word >>> 12) & 63]! + (isShort > 1 ? BASE64[(word >>> 6) & 63]! : '=') + (isShort > 2 ? BASE64[word & 63]! : '=');
  }
  return text;
}

/** Bytes of base64 with padding; null where it is none. */
export function base64ToBytes(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const letters = text.replace(/=+$/, '');
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4));
  for (let i = 0, word = 0, at = 0; i < letters.length; i++) {
    word = ((word << 6) | BASE64.indexOf(letters[i]!)) & 0xffffff;
    if (i % 4 > 0) bytes[at++] = (word >>> (6 - 2 * (i % 4))) & 255;
  }
  return bytes;
}

/** The public key as the server stores and compares it: PEM, 64 columns, a final newline (RFC 7468). */
export function publicKeyPem(spki: Uint8Array): Uint8Array<ArrayBuffer> {
  const lines = bytesToBase64(spki).match(/.{1,64}/g) ?? [];
  return utf8ToBytes(`-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`);
}

/** Shortest two's complement DER INTEGER of an unsigned big-endian number. */
function derInteger(bytes: Uint8Array): number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? [0] : [...bytes.subarray(first)];
  if (digits[0]! >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}

/** r||s (IEEE P1363) as a DER sequence of two integers, which is what Flower verifies. Holds for curves of up to 57 bytes an integer. */
export function signatureToDer(signature: Uint8Array): Uint8Array<ArrayBuffer> {
  invariant(signature.length > 0 && signature.length % 2 === 0 && signature.length <= 114, 'an ECDSA signature is two numbers of equal length');
  const half = signature.length / 2;
  const body = [...derInteger(signature.subarray(0, half)), ...derInteger(signature.subarray(half))];
  return Uint8Array.from([0x30, body.length, ...body]);
}

/**
 * The headers that every call carries. Those of Fleet calls sign the time alone, neither path nor body, and Flower takes them again for five minutes:
 * the connection must be TLS, and nothing may log them. `message`: what else is signed, as `callMessage` has it.
 */
export async function signedHeaders(key: SigningKey, timestamp: string, message = utf8ToBytes(timestamp)): Promise<Readonly<Record<string, string>>> {
  const signature = await key.sign(message);
  return {
    'flwr-public-key': bytesToBase64(publicKeyPem(key.publicKeySpki)),
    'flwr-signature': bytesToBase64(signatureToDer(signature)),
    'flwr-timestamp': timestamp,
  };
}
