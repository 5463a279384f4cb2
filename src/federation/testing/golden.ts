/** Bytes recorded from flwr 1.41 and a real SuperLink of that version; `meta` of the file says how. */
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hexToBytes } from '../../ground/bytes.ts';
import type { Sha256 } from '../signing.ts';

export interface GoldenObject {
  readonly id: string;
  readonly type: 'Message' | 'RecordDict' | 'ArrayRecord' | 'ConfigRecord' | 'MetricRecord' | 'Array' | 'ArrayChunk';
  readonly content_hex: string;
}
export interface GoldenTree {
  readonly id: string;
  readonly children: readonly GoldenTree[];
}
export interface GoldenCall {
  readonly path: string;
  readonly headers: Readonly<Record<'flwr-timestamp' | 'flwr-signature', string>>;
  readonly request_hex: string;
  readonly status: number;
  readonly response_hex?: string;
  readonly response_json?: string;
}
interface SignaturePair {
  readonly text: string;
  readonly der_hex: string;
  readonly raw_hex: string;
}
export interface Golden {
  readonly ids: Readonly<Record<'run_id' | 'node_id' | 'task_id' | 'superlink_node_id', string>>;
  readonly values: Readonly<Record<'delta_f32_hex' | 'model_f32_hex' | 'npy_delta_hex' | 'npy_3x4_zero_header_hex' | 'npy_scalar_hex', string>>;
  readonly objects: {
    readonly instruction: { readonly message_id: string; readonly tree: GoldenTree; readonly post_order: readonly GoldenObject[] };
    readonly reply: { readonly message_id: string; readonly created_at: number; readonly ttl: number; readonly tree: GoldenTree; readonly post_order: readonly GoldenObject[] };
    readonly error_reply: { readonly message_id: string; readonly code: number; readonly reason: string; readonly post_order: readonly GoldenObject[] };
    readonly shared_children: { readonly root: string; readonly tree: GoldenTree; readonly post_order: readonly GoldenObject[] };
  };
  readonly protobuf: Readonly<Record<string, string>>;
  readonly auth: {
    readonly private_key_pkcs8_pem: string;
    readonly public_key_pem: string;
    readonly timestamp: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly der_hex: string;
    readonly raw_hex: string;
    readonly der_pairs: readonly SignaturePair[];
  };
  readonly exchange_node_id: string;
  readonly exchange: readonly GoldenCall[];
}

export const golden = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'fixtures', 'flower-wire.json'), 'utf8')) as Golden;

export const sha256: Sha256 = (bytes) => Promise.resolve(new Uint8Array(createHash('sha256').update(bytes).digest()));

/** The content of each object by id. */
export function contentsByIds(objects: readonly GoldenObject[]): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(objects.map(({ id, content_hex }) => [id, hexToBytes(content_hex)]));
}

export function floatsOf(hex: string): Float32Array {
  return new Float32Array(hexToBytes(hex).buffer);
}

/** DER of a PEM block. */
export function pemToDer(pem: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(pem.replaceAll(/-----[^-]+-----|\n/g, ''), 'base64'));
}
