import { bytesToUtf8 } from '../ground/bytes.ts';
import { malformed, tooLarge } from './errors.ts';

const LONGEST = 65_536;

/** The JSON object in a body of at most `longest` bytes. */
export function readJsonObject(body: Uint8Array, what: string, longest = LONGEST): Readonly<Record<string, unknown>> {
  if (body.length > longest) throw tooLarge(`bytes of JSON in ${what}`, longest, body.length);
  let value: unknown;
  try {
    value = JSON.parse(bytesToUtf8(body));
  } catch {
    throw malformed(`JSON in ${what}`, 'something else');
  }
  if (!isJsonObject(value)) throw malformed(`a JSON object in ${what}`, 'another value');
  return value;
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
