import { describe, expect, it } from 'vitest';
import { firstBytes, importSealKey, nameBytes, openNames, openValues, readHeader, sealSegment, segmentBytes } from './feature-segment.ts';

const width = 3;
const names = Uint8Array.from({ length: 4 * nameBytes }, (_, i) => i);
// Bit patterns that a rounding would not leave alone.
const values = Float32Array.of(0.1, -0, 1e-42, 1 / 3, Infinity, 2 ** 24 + 2, -1.5, 3.4028235e38, 7, 0, 1e-7, -2);
const newKey = () => importSealKey(crypto.getRandomValues(new Uint8Array(32)));

async function read(key: CryptoKey, file: Uint8Array<ArrayBuffer>) {
  const header = readHeader(file.slice(0, firstBytes), file.length);
  if (!header) return null;
  const start = file.slice(0, header.valuesAt);
  return { names: await openNames(key, header, start), values: await openValues(key, header, start, file.slice(header.valuesAt)) };
}

describe('a file of cached features', () => {
  it('gives back names and values bit for bit', async () => {
    const key = await newKey();
    const file = await sealSegment(key, names, values, width);
    expect(file).toHaveLength(segmentBytes(4, width));
    const found = await read(key, file);
    expect(found!.names).toEqual(names);
    expect(new Uint32Array(found!.values!.buffer)).toEqual(new Uint32Array(values.buffer));
  });

  it('does not open when a byte of it is another one, whichever', async () => {
    const key = await newKey();
    const file = await sealSegment(key, names, values, width);
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at]! ^= 1;
      const found = await read(key, damaged);
      expect(found === null || found.names === null || found.values === null, `byte ${at}`).toBe(true);
    }
  });

  it('does not open when it is cut short anywhere, or longer than it says', async () => {
    const key = await newKey();
    const file = await sealSegment(key, names, values, width);
    for (let length = 0; length < file.length; length++) expect(await read(key, file.slice(0, length)), `${length} bytes`).toBeNull();
    expect(await read(key, new Uint8Array([...file, 0]))).toBeNull();
  });

  it('does not open with the key of another project, nor with parts of two files', async () => {
    const key = await newKey();
    const [file, other] = [await sealSegment(key, names, values, width), await sealSegment(key, names.toReversed(), values.toReversed(), width)];
    expect(await read(await newKey(), file)).toEqual({ names: null, values: null });
    const header = readHeader(file, file.length)!;
    const mixed = file.slice();
    mixed.set(other.subarray(header.valuesAt), header.valuesAt);
    expect(await read(key, mixed)).toEqual({ names, values: null });
  });

  it('tells nothing of equal texts: the same rows give other bytes each time', async () => {
    const key = await newKey();
    const [one, two] = [await sealSegment(key, names, values, width), await sealSegment(key, names, values, width)];
    expect(one.subarray(firstBytes)).not.toEqual(two.subarray(firstBytes));
    // Random bytes agree in one of 256 places: 16 standard deviations above that would be no accident.
    const equal = one.subarray(firstBytes).filter((byte, at) => byte === two[firstBytes + at]!).length;
    expect(equal).toBeLessThan(20);
  });
});
