import { createHash, createPublicKey, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './refusal.ts';

/** Ages of a signature that the SuperLink accepts, in seconds. */
const OLDEST_SECONDS = 305;
const YOUNGEST_SECONDS = -5;
const LONGEST_HEADER = 512;
const curves: ReadonlySet<string> = new Set(['secp384r1', 'prime256v1']);
const timestampForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/;

/** The key that a request names; whether it was really signed with it is `SignatureCheck`'s to say. */
export interface NamedKey {
  /** PEM SubjectPublicKeyInfo as the SuperLink compares it: 64 columns, a final newline. */
  readonly pem: string;
  /** SHA-256 of the PEM bytes, hexadecimal. */
  readonly keyHash: string;
}

/** @throws Refusal `not-signed` where the header is no key, or one written otherwise than everybody writes it: one key must have one hash. */
export function namedKey(headers: IncomingHttpHeaders): NamedKey {
  const pem = Buffer.from(header(headers, 'flwr-public-key'), 'base64').toString('latin1');
  return { pem: canonicalKey(pem), keyHash: createHash('sha256').update(pem, 'latin1').digest('hex') };
}

function canonicalKey(pem: string): string {
  try {
    const key = createPublicKey({ key: pem, format: 'pem', type: 'spki' });
    const isEllipticCurve = key.asymmetricKeyType === 'ec' && curves.has(key.asymmetricKeyDetails?.namedCurve ?? '');
    if (isEllipticCurve && key.export({ type: 'spki', format: 'pem' }) === pem) return pem;
  } catch {
    // Told below.
  }
  throw new Refusal('not-signed');
}

/** A call of the coordinator's own addresses, as the key must have signed it. */
export interface OwnCall {
  /** Method and path, as they were asked for. */
  readonly call: string;
  readonly taskHash: string;
  readonly body: Buffer;
}

/**
 * Checks signatures, and takes each once. Of Fleet calls they are over the time alone, as the SuperLink checks them, before a body is read; the SuperLink itself
 * takes one again for five minutes, with any body. Of the coordinator's own addresses they are over the whole call (`signed-call.ts` of the app).
 */
export class SignatureCheck {
  /** When each signature that was seen may be forgotten, oldest first. */
  readonly #seen = new Map<string, number>();

  constructor(private readonly nowMs: () => number) {}

  /** Of a Fleet call. @throws Refusal `not-signed` or `replayed`. */
  check(key: NamedKey, headers: IncomingHttpHeaders): void {
    this.#check(key, headers, (timestamp) => timestamp);
  }

  /** Of one of the coordinator's own addresses. @throws Refusal `not-signed` or `replayed`. */
  checkOwnCall(key: NamedKey, headers: IncomingHttpHeaders, { call, taskHash, body }: OwnCall): void {
    const bodyHash = createHash('sha256').update(body).digest('hex');
    this.#check(key, headers, (timestamp) => `bedside federation call 1\n${call}\n${taskHash}\n${key.keyHash}\n${bodyHash}\n${timestamp}\n`);
  }

  #check({ pem, keyHash }: NamedKey, headers: IncomingHttpHeaders, message: (timestamp: string) => string): void {
    const timestamp = header(headers, 'flwr-timestamp');
    const signature = Buffer.from(header(headers, 'flwr-signature'), 'base64');
    const ageSeconds = (this.nowMs() - Date.parse(timestamp)) / 1000;
    if (!timestampForm.test(timestamp) || !(ageSeconds > YOUNGEST_SECONDS && ageSeconds < OLDEST_SECONDS)) throw new Refusal('not-signed');
    if (!verify('sha256', Buffer.from(message(timestamp), 'latin1'), { key: pem, dsaEncoding: 'der' }, signature)) throw new Refusal('not-signed');
    this.#takeOnce(`${keyHash} ${timestamp} ${firstInteger(signature)}`);
  }

  #takeOnce(use: string): void {
    const now = this.nowMs();
    for (const [old, forgetAtMs] of this.#seen) {
      if (forgetAtMs > now) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(use)) throw new Refusal('replayed');
    this.#seen.set(use, now + (OLDEST_SECONDS - YOUNGEST_SECONDS) * 1000);
  }
}

/** r of a DER signature (r, s) that has been verified. s says nothing new: (r, -s) verifies too, so a replay would only have to change its sign. */
function firstInteger(signature: Buffer): string {
  return signature.subarray(4, 4 + signature[3]!).toString('hex');
}

function header(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  if (typeof value !== 'string' || value.length === 0 || value.length > LONGEST_HEADER) throw new Refusal('not-signed');
  return value;
}
