/** The recorded bytes, and what checking them needs of Node. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexToBytes } from '../../ground/bytes.ts';
import type { RecordedObject, RecordedWire } from '../recorded/wire.ts';
import type { Sha256 } from '../signing.ts';

export const golden = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'fixtures', 'goldens', 'flower-wire.json'), 'utf8')) as RecordedWire;

export const sha256: Sha256 = (bytes) => Promise.resolve(new Uint8Array(createHash('sha256').update(bytes).digest()));

/** The content of each object by id. */
export function contentsByIds(objects: readonly RecordedObject[]): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(objects.map(({ id, content_hex }) => [id, hexToBytes(content_hex)]));
}

export function floatsOf(hex: string): Float32Array {
  return new Float32Array(hexToBytes(hex).buffer);
}
