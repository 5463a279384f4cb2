/** Bytes recorded from flwr 1.41 and a real SuperLink of that version, as `flower-wire.json` has them; its `meta` says how. Numbers of 64 bits are decimal texts. */
import type { ObjectTree } from '../codec/messages.ts';
import type { ObjectType } from '../object-store.ts';
import type { Sha256, SigningKey } from '../signing.ts';

export interface RecordedObject {
  readonly id: string;
  readonly type: ObjectType;
  readonly content_hex: string;
}
export interface RecordedTree {
  readonly id: string;
  readonly children: readonly RecordedTree[];
}
export interface RecordedCall {
  readonly path: string;
  readonly headers: Readonly<Record<'flwr-timestamp' | 'flwr-signature', string>>;
  readonly request_hex: string;
  readonly status: number;
  readonly response_hex?: string;
  readonly response_json?: string;
}
export interface RecordedSignature {
  readonly text: string;
  readonly der_hex: string;
  readonly raw_hex: string;
}
export interface RecordedAuth {
  readonly private_key_pkcs8_pem: string;
  readonly public_key_pem: string;
  readonly timestamp: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly der_hex: string;
  readonly raw_hex: string;
  readonly der_pairs: readonly RecordedSignature[];
}
export interface RecordedWire {
  readonly ids: Readonly<Record<'run_id' | 'node_id' | 'task_id' | 'superlink_node_id', string>>;
  readonly values: Readonly<Record<'delta_f32_hex' | 'model_f32_hex' | 'npy_delta_hex' | 'npy_3x4_zero_header_hex' | 'npy_scalar_hex', string>> & {
    readonly config: Readonly<Record<string, unknown>>;
    readonly metrics: Readonly<Record<string, unknown>>;
  };
  readonly objects: {
    readonly instruction: { readonly message_id: string; readonly tree: RecordedTree; readonly post_order: readonly RecordedObject[] };
    readonly reply: { readonly message_id: string; readonly created_at: number; readonly ttl: number; readonly tree: RecordedTree; readonly post_order: readonly RecordedObject[] };
    readonly error_reply: { readonly message_id: string; readonly code: number; readonly reason: string; readonly post_order: readonly RecordedObject[] };
    readonly shared_children: { readonly root: string; readonly tree: RecordedTree; readonly post_order: readonly RecordedObject[] };
  };
  readonly protobuf: Readonly<Record<string, string>>;
  readonly auth: RecordedAuth;
  readonly exchange_node_id: string;
  readonly exchange: readonly RecordedCall[];
}

/** What our code makes of a recorded field, and what was recorded, both as text: they agree where they are equal. */
export interface WireCheck {
  readonly field: string;
  readonly found: string;
  readonly recorded: string;
}

/** What the checks need beside the bytes. */
export interface WireParts {
  readonly sha256: Sha256;
  /** The recorded key pair. */
  readonly key: SigningKey;
  /** Whether a signature, r and s one after the other, holds for the recorded public key. */
  verify(signature: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Milliseconds since 1970 of a time as ISO 8601 writes it. */
  timeMs(timestamp: string): number;
}

export const LARGEST_RECORDED = 10_000_000;

/** A check of what must hold, said in words. */
export function holds(field: string, what: string, isSo: boolean): WireCheck {
  return { field, found: isSo ? what : `not: ${what}`, recorded: what };
}

export function recordedTree({ objectId, children }: ObjectTree): RecordedTree {
  return { id: objectId, children: children.map(recordedTree) };
}
export function objectTreeOf({ id, children }: RecordedTree): ObjectTree {
  return { objectId: id, children: children.map(objectTreeOf) };
}

/** An object's bytes after the head. */
export function bodyOf(content: Uint8Array): Uint8Array {
  return content.subarray(content.indexOf(0) + 1);
}
