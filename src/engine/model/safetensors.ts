import { bytesToUtf8, utf8ToBytes } from '../../ground/bytes.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { safetensorsError } from './model-error.ts';
import type { Tensor, Tensors, TensorSource } from './tensor.ts';

const bytesPerValue = { I8: 1, F16: 2, BF16: 2, F32: 4 } as const;

function readHeader(bytes: Uint8Array): { header: JsonObject; dataStart: number } {
  if (bytes.length < 8) throw safetensorsError('at least 8 bytes', `${bytes.length}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) throw safetensorsError(`a header of ${length} bytes`, `a file of ${bytes.length} bytes`);
  const dataStart = 8 + Number(length);
  try {
    const header: unknown = JSON.parse(bytesToUtf8(bytes.subarray(8, dataStart)));
    if (isJsonObject(header)) return { header, dataStart };
  } catch {
    // Falls through: the parser's own message says less.
  }
  throw safetensorsError('a JSON header', 'something else');
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0);
}

type ValueType = keyof typeof bytesPerValue;

interface Entry {
  readonly type: ValueType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly sizeBytes: number;
}

/** The checked entry of a tensor, or null where its type is none of ours. */
function readEntry(name: string, entry: unknown, dataBytes: number): Entry | null {
  if (!isJsonObject(entry) || typeof entry['dtype'] !== 'string' || !isSizes(entry['shape']) || !isSizes(entry['data_offsets'])) {
    throw safetensorsError(`dtype, shape and data_offsets for ${name}`, 'an entry without');
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  if (dtype !== 'I8' && dtype !== 'F16' && dtype !== 'BF16' && dtype !== 'F32') return null;
  const [start, end] = [offsets[0] ?? 0, offsets[1] ?? -1];
  const sizeBytes = shape.reduce((product, size) => product * size, bytesPerValue[dtype]);
  if (end - start !== sizeBytes || end > dataBytes) throw safetensorsError(`${sizeBytes} bytes for ${name}`, `offsets ${start} to ${end} of ${dataBytes}`);
  return { type: dtype, shape, start, sizeBytes };
}

function readValues({ type, start, sizeBytes }: Entry, data: Uint8Array): Tensor['values'] {
  if (type === 'I8') return new Int8Array(data.buffer, data.byteOffset + start, sizeBytes);
  // A copy, because offsets need not be multiples of the value's size. Not `slice`: that of a Node Buffer does not copy.
  const { buffer } = Uint8Array.from(data.subarray(start, start + sizeBytes));
  if (type === 'F32') return new Float32Array(buffer);
  const bits = new Uint16Array(buffer);
  return type === 'F16' ? float16ToFloat32(bits) : bfloat16ToFloat32(bits);
}

/** An open safetensors file; `get` makes a tensor anew each time, and the file keeps none. */
export interface SafetensorsFile extends TensorSource {
  /** Of the tensors whose type is one of ours, in the file's order. */
  readonly names: readonly string[];
  /** Whether any tensor is stored in int8. */
  readonly hasInt8: boolean;
}

/**
 * Opens a safetensors file with tensors in float32, float16, bfloat16 and int8; others (position ids in I64) are left out.
 * Int8 values are views of `bytes`; floats are copied one tensor at a time, so that a model is never in memory as floats as a whole. Throws: `model/safetensors`.
 * Source: https://github.com/huggingface/safetensors, "Format".
 */
export function openSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes);
  const data = bytes.subarray(dataStart);
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = readEntry(name, value, data.length);
    if (entry) entries.set(name, entry);
  }
  return {
    names: [...entries.keys()],
    hasInt8: [...entries.values()].some(({ type }) => type === 'I8'),
    get(name) {
      const entry = entries.get(name);
      return entry && { shape: entry.shape, values: readValues(entry, data) };
    },
  };
}

/** Every tensor of a safetensors file, as `openSafetensors` reads it. Throws: `model/safetensors`. */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const file = openSafetensors(bytes);
  return new Map(file.names.map((name) => [name, file.get(name)!]));
}

/**
 * A safetensors file of float32 and int8 tensors: float32 first and the header padded to 8 bytes, so that all are aligned;
 * within a type in the order given. The same tensors give the same bytes.
 */
export function writeSafetensors(tensors: Tensors, metadata: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
  const isInt8 = ({ values }: Tensor) => values instanceof Int8Array;
  const ordered = [...tensors].sort(([, a], [, b]) => Number(isInt8(a)) - Number(isInt8(b)));
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let sizeBytes = 0;
  for (const [name, tensor] of ordered) {
    const start = sizeBytes;
    sizeBytes += tensor.values.byteLength;
    header[name] = { dtype: isInt8(tensor) ? 'I8' : 'F32', shape: tensor.shape, data_offsets: [start, sizeBytes] };
  }
  const text = utf8ToBytes(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + sizeBytes).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(text, 8);
  let offset = 8 + headerBytes;
  for (const [, { values }] of ordered) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
    offset += values.byteLength;
  }
  return file;
}
