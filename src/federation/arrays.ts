import { utf8ToBytes } from '../ground/bytes.ts';
import { malformed, tooLarge } from './errors.ts';
import { buildObject, takeObject, type BuiltObject } from './object-store.ts';
import { readJsonObject } from './json-body.ts';
import type { Sha256 } from './signing.ts';

/** Largest piece of an array in one object, fixed by Flower. */
export const CHUNK_BYTES = 5_242_880;

const MOST_CHUNKS = 256;
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0);

/** The bytes before the numbers of a float32 array in NumPy's format 1.0: padded with spaces to a multiple of 64, a newline last. */
export function npyHead(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((MAGIC.length + 2 + text.length + 1) / 64) * 64 - MAGIC.length - 2;
  const head = new Uint8Array(MAGIC.length + 2 + length);
  head.set(MAGIC);
  new DataView(head.buffer).setUint16(MAGIC.length, length, true);
  head.set(utf8ToBytes(`${text.padEnd(length - 1)}\n`), MAGIC.length + 2);
  return head;
}

export function npySize(shape: readonly number[]): number {
  return npyHead(shape).length + 4 * sizeOf(shape);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A .npy file, little-endian float32, row-major. */
export function toNpy(values: Float32Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  if (values.length !== sizeOf(shape)) throw malformed(`${sizeOf(shape)} numbers`, `${values.length}`);
  const head = npyHead(shape);
  const bytes = new Uint8Array(head.length + 4 * values.length);
  bytes.set(head);
  const view = new DataView(bytes.buffer, head.length);
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i]!, true);
  return bytes;
}

/** The numbers of a .npy file of exactly this shape: its head is compared, not parsed, so that it can ask for nothing. */
export function fromNpy(bytes: Uint8Array, shape: readonly number[]): Float32Array {
  const head = npyHead(shape);
  if (bytes.length !== head.length + 4 * sizeOf(shape)) throw malformed(`an array of ${sizeOf(shape)} numbers`, `${bytes.length} bytes`);
  for (let i = 0; i < head.length; i++) if (bytes[i] !== head[i]) throw malformed(`a float32 array of shape (${shape.join(', ')})`, 'another head', i);
  const view = new DataView(bytes.buffer, bytes.byteOffset + head.length);
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
  return values;
}

/** An Array object with its chunks, worded as flwr words it, so that the same numbers get the same ids. */
export async function buildArray(sha256: Sha256, values: Float32Array, shape: readonly number[], chunkBytes = CHUNK_BYTES): Promise<BuiltObject> {
  const bytes = toNpy(values, shape);
  const chunks: BuiltObject[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(await buildObject(sha256, 'ArrayChunk', [], bytes.subarray(at, at + chunkBytes)));
  const unique = [...new Set(chunks.map(({ id }) => id))];
  const body = `{"dtype": "float32", "shape": [${shape.join(', ')}], "stype": "numpy.ndarray", "arraychunk_ids": [${chunks.map(({ id }) => unique.indexOf(id)).join(', ')}]}`;
  return buildObject(sha256, 'Array', chunks, utf8ToBytes(body));
}

/** The numbers of an Array object among `contents`, which must have this shape. Lengths are added up before anything is joined. */
export function readArray(contents: ReadonlyMap<string, Uint8Array>, id: string, shape: readonly number[]): Float32Array {
  const { children, body } = takeObject(contents, id, 'Array');
  const { dtype, shape: found, stype, arraychunk_ids: order } = readJsonObject(body, 'Array');
  if (dtype !== 'float32' || stype !== 'numpy.ndarray') throw malformed('a float32 array of NumPy', 'another kind of array');
  if (!Array.isArray(found) || found.length !== shape.length || !shape.every((length, axis) => found[axis] === length)) throw malformed(`an array of shape (${shape.join(', ')})`, 'another shape');
  if (!Array.isArray(order)) throw malformed('a list of chunks', 'none');
  const total = npySize(shape);
  if (order.length > MOST_CHUNKS) throw tooLarge('chunks of an array', MOST_CHUNKS, order.length);
  const chunks = order.map((index: unknown) => {
    const child = typeof index === 'number' ? children[index] : undefined;
    if (child === undefined) throw malformed('the index of a chunk', 'something else');
    return takeObject(contents, child, 'ArrayChunk').body;
  });
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length !== total) throw malformed(`an array of ${total} bytes`, `${length}`);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return fromNpy(bytes, shape);
}
