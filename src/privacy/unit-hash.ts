import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { checkProbability, invariant } from '../ground/check.ts';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';

/** A separate function per purpose: a hash of one can never be read as a hash of another. */
type Purpose = 'row' | 'person' | 'person-column' | 'split' | 'key';

/** Keyed hashes of one purpose, 32 bytes in an array that the next call writes over. The key is taken in once, whatever is hashed afterwards. */
function keyedHasher(key: Uint8Array, purpose: Purpose): (text: string) => Uint8Array {
  invariant(key.length >= 16, 'the installation key has 16 bytes or more');
  const start = hmac.create(sha256, key).update(utf8ToBytes(`bedside/${purpose}/`));
  const working = start.clone();
  const hash = new Uint8Array(32);
  return (text) => {
    start._cloneInto(working).update(utf8ToBytes(text)).digestInto(hash);
    return hash;
  };
}

/** The hashes of `unitHash` and the deal of `isHeldOut` under one key, for many units. */
export interface UnitHasher {
  unitHash(kind: 'row' | 'person', normalisedText: string): string;
  isHeldOut(unitId: string, share: number): boolean;
}

export function createUnitHasher(key: Uint8Array): UnitHasher {
  const hashers = { row: keyedHasher(key, 'row'), person: keyedHasher(key, 'person'), split: keyedHasher(key, 'split') };
  return {
    unitHash: (kind, normalisedText) => bytesToHex(hashers[kind](normalisedText).subarray(0, 16)),
    isHeldOut: (unitId, share) => {
      checkProbability('held-out share', share);
      return fractionOf(hashers.split(unitId)) < share;
    },
  };
}

/** A hash read as a fraction of 1, from its first six bytes. */
function fractionOf(hash: Uint8Array): number {
  let fraction = 0;
  for (let index = 5; index >= 0; index--) fraction = (fraction + hash[index]!) / 256;
  return fraction;
}

/** The same text for the ledger: compatible Unicode forms, case, and runs of white space make no difference. */
export function normaliseText(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
}

/**
 * The name of a row or a person in the ledger: HMAC-SHA-256 under the installation's key, cut to 128 bits, 32 hex digits.
 * The label takes no part: relabelling a row gives no new budget. Without the key a hash tells nothing and links to nothing.
 */
export function unitHash(key: Uint8Array, kind: 'row' | 'person', normalisedText: string): string {
  return bytesToHex(keyedHasher(key, kind)(normalisedText).subarray(0, 16));
}

/** What names the persons of a data set, by the header of their column: two data sets of one naming mean the same by a person. 32 hex digits. */
export function personNamingOf(key: Uint8Array, header: string): string {
  return bytesToHex(keyedHasher(key, 'person-column')(normaliseText(header)).subarray(0, 16));
}

/** Names a key without telling it. */
export function keyIdOf(key: Uint8Array): string {
  return bytesToHex(keyedHasher(key, 'key')('').subarray(0, 8));
}

/**
 * Whether a unit belongs to the held-out part: its keyed hash, read as a fraction of 1, lies below `share`. It depends on nothing but the unit,
 * so that it is the same in every data set and before anything is looked at; a larger share keeps what a smaller one held out.
 */
export function isHeldOut(key: Uint8Array, unitId: string, share: number): boolean {
  checkProbability('held-out share', share);
  return fractionOf(keyedHasher(key, 'split')(unitId)) < share;
}
