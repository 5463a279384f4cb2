/**
 * The file format of cached note features: one sealed, immutable file of names and values.
 *   header   4 x uint32: magic, version, rows, values a row
 *   names    12 bytes of nonce, then AES-256-GCM of rows x 16 bytes, 16 bytes of tag
 *   values   12 bytes of nonce, then AES-256-GCM of rows x values x float32, 16 bytes of tag
 * Names and values are sealed apart, so that whoever looks for a row reads values only where they are.
 * The tags are the checksum: a file that is cut short, damaged, or of another project does not open.
 * Numbers are in the machine's own byte order; a file never leaves the machine.
 */

const magic = 0x46434442;
const version = 1;
const headerBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
/** Length of a row's name. */
export const nameBytes = 16;
const mostRows = 1 << 20;
const mostValues = 1 << 16;

export interface SegmentHeader {
  readonly rows: number;
  /** Values a row. */
  readonly width: number;
  /** Where the values' part begins. */
  readonly valuesAt: number;
  readonly fileBytes: number;
}

/** Bytes of a file of so many rows. */
export function segmentBytes(rows: number, width: number): number {
  return headerBytes + 2 * (nonceBytes + tagBytes) + rows * (nameBytes + 4 * width);
}

function headerOf(rows: number, width: number): SegmentHeader {
  return { rows, width, valuesAt: headerBytes + nonceBytes + rows * nameBytes + tagBytes, fileBytes: segmentBytes(rows, width) };
}

/** Header of a file of `fileBytes` bytes that begins with `bytes`; null where it is none of ours or not whole. */
export function readHeader(bytes: Uint8Array, fileBytes: number): SegmentHeader | null {
  if (bytes.length < headerBytes) return null;
  const [found, format, rows, width] = new Uint32Array(bytes.slice(0, headerBytes).buffer);
  if (found !== magic || format !== version || rows! < 1 || rows! > mostRows || width! < 1 || width! > mostValues) return null;
  const header = headerOf(rows!, width!);
  return header.fileBytes === fileBytes ? header : null;
}

/** Bytes to read first: enough for the header. */
export const firstBytes = headerBytes;

/** The key that seals a project's files, from its secret. */
export function importSealKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** Nonce, then AES-256-GCM of `plain` bound to `bound`. */
export async function seal(key: CryptoKey, plain: BufferSource, bound: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: bound }, key, plain));
  const whole = new Uint8Array(nonceBytes + sealed.length);
  whole.set(nonce);
  whole.set(sealed, nonceBytes);
  return whole;
}

/** Null where the tag does not fit: another key, or other bytes than were written. */
export async function open(key: CryptoKey, sealed: Uint8Array<ArrayBuffer>, bound: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer | null> {
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.slice(0, nonceBytes), additionalData: bound }, key, sealed.subarray(nonceBytes)).catch(() => null);
}

/** Both parts are bound to the header, and the values to the names beside them. */
const bindingOfNames = (file: Uint8Array) => file.slice(0, headerBytes);
const bindingOfValues = (file: Uint8Array) => file.slice(0, headerBytes + nonceBytes);

/** A whole file. Shapes: names [rows, 16], values [rows, width]. */
export async function sealSegment(key: CryptoKey, names: Uint8Array<ArrayBuffer>, values: Float32Array<ArrayBuffer>, width: number): Promise<Uint8Array<ArrayBuffer>> {
  const header = headerOf(values.length / width, width);
  const file = new Uint8Array(header.fileBytes);
  file.set(new Uint8Array(Uint32Array.of(magic, version, header.rows, width).buffer));
  file.set(await seal(key, names, bindingOfNames(file)), headerBytes);
  file.set(await seal(key, values, bindingOfValues(file)), header.valuesAt);
  return file;
}

/** Names [rows, 16] of a file whose bytes up to `valuesAt` are given; null where they do not open. */
export async function openNames(key: CryptoKey, header: SegmentHeader, start: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | null> {
  const names = await open(key, start.subarray(headerBytes, header.valuesAt), bindingOfNames(start));
  return names?.byteLength === header.rows * nameBytes ? new Uint8Array(names) : null;
}

/** Values [rows, width] of a file; `start` as for the names, `rest` all that follows. Null where they do not open. */
export async function openValues(key: CryptoKey, header: SegmentHeader, start: Uint8Array<ArrayBuffer>, rest: Uint8Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer> | null> {
  const values = await open(key, rest, bindingOfValues(start));
  return values?.byteLength === 4 * header.rows * header.width ? new Float32Array(values) : null;
}
