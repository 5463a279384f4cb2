import type { TextEncoding } from './table.ts';

/** Bytes to text in the named encoding, malformed sequences as U+FFFD (`TextDecoder` outside this layer). */
export type Decode = (bytes: Uint8Array, encoding: TextEncoding) => string;

export interface DetectedEncoding {
  readonly encoding: TextEncoding;
  /** Bytes of the byte order mark to skip. */
  readonly markBytes: number;
  /** True where some bytes are none of the encoding: the rows that hold them are to be set aside. */
  readonly hasUndecodable: boolean;
}

interface Utf8Count {
  readonly sequences: number;
  readonly faults: number;
}

/** Well-formed multi-byte sequences (Unicode 16, table 3-7) and bytes that belong to none. */
function countUtf8(bytes: Uint8Array): Utf8Count {
  let sequences = 0;
  let faults = 0;
  const isTail = (index: number, low = 0x80, high = 0xbf) => index < bytes.length && bytes[index]! >= low && bytes[index]! <= high;
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i]!;
    let length = 1;
    if (lead >= 0x80) {
      if (lead >= 0xc2 && lead <= 0xdf && isTail(i + 1)) length = 2;
      else if (lead >= 0xe0 && lead <= 0xef && isTail(i + 1, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf) && isTail(i + 2)) length = 3;
      else if (lead >= 0xf0 && lead <= 0xf4 && isTail(i + 1, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf) && isTail(i + 2) && isTail(i + 3)) length = 4;
      if (length === 1) faults++;
      else sequences++;
    }
    i += length;
  }
  return { sequences, faults };
}

interface ChineseCount {
  /** Characters of two or four bytes. */
  readonly characters: number;
  /** Those among the Hanzi in common use and their punctuation: GB 2312, level 1 (rows 16 to 55) and rows 1 to 3. */
  readonly common: number;
  /** Those of rows 41 to 55: a third of what Chinese is written with, and beyond the Hangul of EUC-KR, whose bytes are otherwise alike. */
  readonly late: number;
  /** Bytes that belong to no character. */
  readonly faults: number;
}

function countGb18030(bytes: Uint8Array): ChineseCount {
  let characters = 0;
  let common = 0;
  let late = 0;
  let faults = 0;
  const isIn = (index: number, low: number, high: number) => index < bytes.length && bytes[index]! >= low && bytes[index]! <= high;
  for (let i = 0; i < bytes.length; i++) {
    const lead = bytes[i]!;
    if (lead < 0x80) continue;
    if (lead === 0x80 || lead === 0xff) faults++;
    else if (isIn(i + 1, 0x30, 0x39) && isIn(i + 2, 0x81, 0xfe) && isIn(i + 3, 0x30, 0x39)) {
      characters++;
      i += 3;
    } else if (isIn(i + 1, 0x40, 0xfe) && bytes[i + 1] !== 0x7f) {
      characters++;
      if (bytes[i + 1]! >= 0xa1 && ((lead >= 0xb0 && lead <= 0xd7) || (lead >= 0xa1 && lead <= 0xa3))) common++;
      if (bytes[i + 1]! >= 0xa1 && lead >= 0xc9 && lead <= 0xd7) late++;
      i++;
    } else faults++;
  }
  return { characters, common, late, faults };
}

/**
 * Whether bytes that are no UTF-8 are Chinese of the GB family. The bytes of Western, Cyrillic, Japanese and Big5 text pair up
 * too, but outside the common Hanzi; a clinical text has nine tenths of its characters inside.
 */
function isChinese({ characters, common, late, faults }: ChineseCount): boolean {
  return characters >= 2 && common > 0.75 * characters && faults <= characters / 20 && (characters < 20 || late > 0.05 * characters);
}

/** Shares of zero bytes at even and odd positions of the first 64 KiB. */
function zeroShares(bytes: Uint8Array): { readonly even: number; readonly odd: number } {
  const count = Math.min(bytes.length, 65_536) & ~1;
  if (count === 0) return { even: 0, odd: 0 };
  let even = 0;
  let odd = 0;
  for (let i = 0; i < count; i += 2) {
    if (bytes[i] === 0) even++;
    if (bytes[i + 1] === 0) odd++;
  }
  return { even: even / (count / 2), odd: odd / (count / 2) };
}

function hasLoneSurrogate(bytes: Uint8Array, isLittleEndian: boolean): boolean {
  const unit = (index: number) => (isLittleEndian ? bytes[index]! | (bytes[index + 1]! << 8) : (bytes[index]! << 8) | bytes[index + 1]!);
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const value = unit(i);
    if (value < 0xd800 || value > 0xdfff) continue;
    const next = i + 3 < bytes.length ? unit(i + 2) : 0;
    if (value > 0xdbff || next < 0xdc00 || next > 0xdfff) return true;
    i += 2;
  }
  return false;
}

function utf16(bytes: Uint8Array, encoding: 'utf-16le' | 'utf-16be', markBytes: number): DetectedEncoding {
  const content = bytes.subarray(markBytes);
  return { encoding, markBytes, hasUndecodable: content.length % 2 === 1 || hasLoneSurrogate(content, encoding === 'utf-16le') };
}

/**
 * The encoding of a text file: by its byte order mark; without one, UTF-16 by where the zero bytes fall (a table's
 * delimiters and line ends alone put zeros on one side), UTF-8 where every byte fits, GB18030 where the bytes pair up as
 * common Hanzi, else Windows-1252.
 * A file most of whose bytes beyond ASCII are well-formed UTF-8 is damaged UTF-8: in the others such sequences arise by
 * accident only, and most bytes are faults.
 */
export function detectEncoding(bytes: Uint8Array): DetectedEncoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16(bytes, 'utf-16le', 2);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return utf16(bytes, 'utf-16be', 2);
  const hasUtf8Mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const zeros = zeroShares(bytes);
  if (!hasUtf8Mark && zeros.odd > 0.05 && zeros.even < zeros.odd / 5) return utf16(bytes, 'utf-16le', 0);
  if (!hasUtf8Mark && zeros.even > 0.05 && zeros.odd < zeros.even / 5) return utf16(bytes, 'utf-16be', 0);
  const { sequences, faults } = countUtf8(bytes);
  if (hasUtf8Mark) return { encoding: 'utf-8', markBytes: 3, hasUndecodable: faults > 0 };
  if (faults === 0) return { encoding: 'utf-8', markBytes: 0, hasUndecodable: false };
  if (sequences > faults) return { encoding: 'utf-8', markBytes: 0, hasUndecodable: true };
  const chinese = countGb18030(bytes);
  if (isChinese(chinese)) return { encoding: 'gb18030', markBytes: 0, hasUndecodable: chinese.faults > 0 };
  // Five bytes have no character in Windows-1252; decoders turn them into control characters.
  const hasUndecodable = bytes.some((byte) => byte === 0x81 || byte === 0x8d || byte === 0x8f || byte === 0x90 || byte === 0x9d);
  return { encoding: 'windows-1252', markBytes: 0, hasUndecodable };
}

/** Characters of the bytes 0x80 to 0x9F in Windows-1252 (WHATWG Encoding); the five it lacks stay controls. */
const windows1252High = '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

/**
 * Decodes, and mends what some decoders get wrong: those that leave the byte order mark in, and those that read
 * Windows-1252 as Latin-1 (TextDecoder of Node 20.20), which shows as control characters that the right one never gives.
 */
export function decodeText(bytes: Uint8Array, { encoding, markBytes }: DetectedEncoding, decode: Decode): string {
  const text = decode(bytes.subarray(markBytes), encoding).replace(/^\uFEFF/, '');
  return encoding === 'windows-1252' ? text.replace(/[\u0080-\u009f]/g, (control) => windows1252High[control.charCodeAt(0) - 0x80]!) : text;
}

/** What `decode` leaves where bytes had no character: U+FFFD, or a C1 control of Windows-1252. */
export function isUndecodable(text: string, encoding: TextEncoding): boolean {
  return encoding === 'windows-1252' ? /[\u0081\u008d\u008f\u0090\u009d]/.test(text) : text.includes('\uFFFD');
}
