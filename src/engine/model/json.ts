import { bytesToUtf8 } from '../../ground/bytes.ts';
import { jsonError } from './model-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses UTF-8 JSON whose root is an object. Throws: `model/json`, which names `file`. */
export function parseJsonObject(bytes: Uint8Array, file: string): JsonObject {
  try {
    const value: unknown = JSON.parse(bytesToUtf8(bytes));
    if (isJsonObject(value)) return value;
  } catch {
    // Falls through: the parser's own message may quote the file.
  }
  throw jsonError(file);
}
