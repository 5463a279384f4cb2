import { describe, expect, it } from 'vitest';
import { aesCtrBytes, counterBlock, createKeyStream } from './key-stream.ts';

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

describe('key stream', () => {
  // NIST SP 800-38A, F.5.5 CTR-AES256.Encrypt, four blocks.
  it('agrees with the NIST vectors of AES-256-CTR', async () => {
    const key = await crypto.subtle.importKey('raw', fromHex('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4'), 'AES-CTR', false, ['encrypt']);
    const stream = await aesCtrBytes(key, fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'), 64);
    const plain = fromHex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710');
    const cipher = fromHex('601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6');
    expect(stream).toEqual(plain.map((byte, index) => byte ^ cipher[index]!));
  });

  it('gives the same bytes for the same step and tensor, whatever the length asked', async () => {
    const stream = await createKeyStream();
    const long = await stream.bytes(3, 1, 1000);
    expect(await stream.bytes(3, 1, 17)).toEqual(long.slice(0, 17));
  });

  it('gives another stream for another step, another tensor and another key', async () => {
    const [stream, other] = await Promise.all([createKeyStream(), createKeyStream()]);
    const streams = await Promise.all([stream.bytes(1, 0, 32), stream.bytes(0, 1, 32), stream.bytes(1, 1, 32), stream.bytes(2 ** 24, 0, 32), stream.bytes(0, 0, 32), other.bytes(0, 0, 32)]);
    expect(new Set(streams.map((bytes) => bytes.join())).size).toBe(streams.length);
  });

  it('keeps the streams of neighbouring tensors apart over their whole length', async () => {
    // 64-bit block counter: a stream reaches its neighbour only after 2^64 blocks.
    expect([...counterBlock(7, 9)]).toEqual([0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('looks uniform', async () => {
    const bytes = await (await createKeyStream()).bytes(0, 0, 1 << 20);
    const counts = new Float64Array(256);
    for (const byte of bytes) counts[byte]!++;
    const expected = bytes.length / 256;
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Chi-squared with 255 degrees of freedom: mean 255, deviation 22.6; eight deviations on either side.
    expect(Math.abs(chiSquared - 255)).toBeLessThan(8 * 22.6);
  });

  it('refuses steps and tensors that would wrap', async () => {
    const stream = await createKeyStream();
    await expect(Promise.resolve().then(() => stream.bytes(2 ** 32, 0, 16))).rejects.toMatchObject({ family: 'settings' });
  });
});
