import { bytesToUtf8, utf8ToBytes } from '../../ground/bytes.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { safetensorsError } from './model-error.ts';
import type { Tensor, Tensors } from './tensor.ts';

const bytesPerValue: Readonly<Record<string, number>> = { I8: 1, F16: 2, BF16: 2, F32: 4 };

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

function readTensor(name: string, entry: unknown, data: Uint8Array): Tensor | null {
  if (!isJsonObject(entry) || typeof entry['dtype'] !== 'string' || !isSizes(entry['shape']) || !isSizes(entry['data_offsets'])) {
    throw safetensorsError(`dtype, shape and data_offsets for ${name}`, 'an entry without');
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  const valueBytes = bytesPerValue[dtype];
  if (valueBytes === undefined) return null;
  const [start, end] = [offsets[0] ?? 0, offsets[1] ?? -1];
  const sizeBytes = shape.reduce((product, size) => product * size, valueBytes);
  if (end - start !== sizeBytes || end > data.length) throw safetensorsError(`${sizeBytes} bytes for ${name}`, `offsets ${start} to ${end} of ${data.length}`);
  if (dtype === 'I8') return { shape, values: new Int8Array(data.buffer, data.byteOffset + start, sizeBytes) };
  // A copy, because offsets need not be multiples of the value's size. Not `slice`: that of a Node Buffer does not copy.
  const { buffer } = Uint8Array.from(data.subarray(start, end));
  if (dtype === 'F32') return { shape, values: new Float32Array(buffer) };
  const bits = new Uint16Array(buffer);
  return { shape, values: dtype === 'F16' ? float16ToFloat32(bits) : bfloat16ToFloat32(bits) };
}

/**
 * Tensors of a safetensors file in float32, float16, bfloat16 and int8; others (position ids in I64) are left out.
 * Int8 values are views of `bytes`. Throws: `model/safetensors`.
 * Source: https://github.com/huggingface/safetensors, "Format".
 */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const { header, dataStart } = readHeader(bytes);
  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const tensor = readTensor(name, entry, data);
    if (tensor) tensors.set(name, tensor);
  }
  return tensors;
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
