import { BedsideError } from './errors.ts';

const DIGITS = '0123456789abcdef';
/** As many arguments as any engine takes in one call. */
const LETTERS_AT_A_TIME = 4096;

function hexError(found: string): BedsideError {
  return new BedsideError('internal/hex', 'internal', `Expected pairs of hexadecimal digits, found ${found}.`, 'The file or store that held it is damaged: restore it.', { found });
}

/** Lower-case hexadecimal digits, two a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  // Not by adding letters up: engines keep such a text as a chain of its parts, ten times the size, until somebody reads it.
  const codes = new Uint8Array(2 * bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!;
    codes[2 * index] = DIGITS.charCodeAt(byte >>> 4);
    codes[2 * index + 1] = DIGITS.charCodeAt(byte & 15);
  }
  let text = '';
  for (let start = 0; start < codes.length; start += LETTERS_AT_A_TIME) text += String.fromCharCode(...codes.subarray(start, start + LETTERS_AT_A_TIME));
  return text;
}

/** Throws on an odd number of digits and on anything that is no digit. */
export function hexToBytes(hex: string): Uint8Array<ArrayBuffer> {
  if (hex.length % 2 !== 0) throw hexError(`${hex.length} digits`);
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    const pair = hex.slice(2 * index, 2 * index + 2);
    if (!/^[0-9a-fA-F]{2}$/.test(pair)) throw hexError(`something else at digit ${2 * index}`);
    bytes[index] = Number.parseInt(pair, 16);
  }
  return bytes;
}

/** UTF-8 of a string. A lone surrogate becomes U+FFFD, as in TextEncoder. */
export function utf8ToBytes(text: string): Uint8Array<ArrayBuffer> {
  const ascii = new Uint8Array(text.length);
  let length = 0;
  // Most text is ASCII up to its first accent, and goes byte by byte.
  while (length < text.length && text.charCodeAt(length) < 0x80) {
    ascii[length] = text.charCodeAt(length);
    length++;
  }
  if (length === text.length) return ascii;
  const bytes = new Uint8Array(length + 3 * (text.length - length));
  bytes.set(ascii.subarray(0, length));
  for (const character of text.slice(length)) {
    const point = character.codePointAt(0)!;
    const code = point >= 0xd800 && point < 0xe000 ? 0xfffd : point;
    if (code < 0x80) {
      bytes[length++] = code;
    } else if (code < 0x800) {
      bytes[length++] = 0xc0 | (code >>> 6);
      bytes[length++] = 0x80 | (code & 63);
    } else if (code < 0x10000) {
      bytes[length++] = 0xe0 | (code >>> 12);
      bytes[length++] = 0x80 | ((code >>> 6) & 63);
      bytes[length++] = 0x80 | (code & 63);
    } else {
      bytes[length++] = 0xf0 | (code >>> 18);
      bytes[length++] = 0x80 | ((code >>> 12) & 63);
      bytes[length++] = 0x80 | ((code >>> 6) & 63);
      bytes[length++] = 0x80 | (code & 63);
    }
  }
  return bytes.slice(0, length);
}

/** A string from UTF-8. Throws on bytes that are none: truncated, overlong, a surrogate, beyond U+10FFFF. */
export function bytesToUtf8(bytes: Uint8Array): string {
  let text = '';
  let index = 0;
  const malformed = () => new BedsideError('internal/utf8', 'internal', `Expected UTF-8, found something else at byte ${index}.`, 'Save the file as UTF-8.', { position: index });
  while (index < bytes.length) {
    const lead = bytes[index]!;
    const extra = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : -1;
    if (extra < 0 || index + extra >= bytes.length) throw malformed();
    let code = extra === 0 ? lead : lead & (0x3f >>> extra);
    for (let k = 1; k <= extra; k++) {
      const next = bytes[index + k]!;
      if ((next & 0xc0) !== 0x80) throw malformed();
      code = (code << 6) | (next & 63);
    }
    const smallest = [0, 0x80, 0x800, 0x10000][extra]!;
    if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw malformed();
    text += String.fromCodePoint(code);
    index += extra + 1;
  }
  return text;
}
