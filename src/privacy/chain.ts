import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { invariant } from '../ground/check.ts';
import type { LedgerEntry, LedgerEvent, LedgerHead } from './events.ts';

/** What the first entry follows. */
export const FIRST_HASH = '0'.repeat(64);

/** JSON with sorted keys, so that a value has one text. Throws on what JSON would change: a number that is not finite, undefined. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  invariant(value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)), 'an event holds plain finite values');
  return JSON.stringify(value);
}

function entryHash(previous: string, sequence: number, event: LedgerEvent): string {
  return bytesToHex(sha256(utf8ToBytes(`${previous}\n${sequence}\n${canonicalJson(event)}`)));
}

/** The entries that append `events` after `head`. */
export function chainEvents(events: readonly LedgerEvent[], head: LedgerHead | null, recordedAtMs: number): LedgerEntry[] {
  let previous = head?.hash ?? FIRST_HASH;
  return events.map((event, index) => {
    const sequence = (head?.count ?? 0) + index;
    const entry = { sequence, recordedAtMs, event, previous, hash: entryHash(previous, sequence, event) };
    previous = entry.hash;
    return entry;
  });
}

export function headOf(entries: readonly LedgerEntry[]): LedgerHead | null {
  const last = entries.at(-1);
  return last ? { count: entries.length, hash: last.hash } : null;
}

/** Whether the entries form one unbroken chain that ends where the separately kept head says. */
export function isChainIntact(entries: readonly LedgerEntry[], head: LedgerHead | null): boolean {
  let previous = FIRST_HASH;
  for (const [index, entry] of entries.entries()) {
    if (entry.sequence !== index || entry.previous !== previous) return false;
    try {
      if (entry.hash !== entryHash(previous, index, entry.event)) return false;
    } catch {
      // An event that has no canonical text was not written by this ledger.
      return false;
    }
    previous = entry.hash;
  }
  return entries.length === (head?.count ?? 0) && (head === null || head.hash === previous);
}
