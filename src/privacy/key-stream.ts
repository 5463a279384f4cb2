import { checkInteger } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';

/**
 * Secret random bytes, a separate run of them for each (step, tensor): AES-CTR under a key that is drawn for the session,
 * kept nowhere and never used again. The same (step, tensor) names the same bytes, so it may serve one draw only.
 */
export interface KeyStream {
  bytes(step: number, tensor: number, byteCount: number): Promise<Uint8Array>;
}

function reusedStream(step: number, tensor: number): BedsideError {
  return new BedsideError('privacy/reused-stream', 'internal', `Secret bytes for step ${step}, tensor ${tensor} were asked for twice.`, 'The run ends here: noise that is used twice protects nothing. Start it again.', { step, tensor });
}

function deadStream(found: string): BedsideError {
  return new BedsideError('privacy/dead-stream', 'internal', `The source of secret randomness returned ${found}.`, 'Restart the browser; if it happens again, this device cannot train privately.', { found });
}

/** Wraps a stream so that asking twice for the same (step, tensor) throws instead of answering. */
export function oncePerTensor(stream: KeyStream): KeyStream {
  const used = new Set<string>();
  return {
    async bytes(step, tensor, byteCount) {
      const name = `${step}/${tensor}`;
      if (used.has(name)) throw reusedStream(step, tensor);
      used.add(name);
      return stream.bytes(step, tensor, byteCount);
    },
  };
}

/**
 * Draws `byteCount` secret bytes, to be wiped by the caller.
 * @throws where the stream gives another number of bytes, or nothing but zeros (chance 2^-128 or less in a sound stream).
 */
export async function drawBytes(stream: KeyStream, step: number, tensor: number, byteCount: number): Promise<Uint8Array> {
  checkInteger('step', step, 0, 0xffffffff);
  checkInteger('tensor', tensor, 0, 0xffffffff);
  checkInteger('number of random bytes', byteCount, 0, 2 ** 31);
  // At least 16 bytes, so that a dead stream shows.
  const asked = Math.max(16, byteCount);
  const bytes = await stream.bytes(step, tensor, asked);
  if (bytes.length !== asked) throw deadStream(`${bytes.length} bytes for ${asked}`);
  if (bytes.every((byte) => byte === 0)) throw deadStream('nothing but zeros');
  return bytes.subarray(0, byteCount);
}

/** As `drawBytes`, read as big-endian 32-bit words; the bytes are wiped. */
export async function drawWords(stream: KeyStream, step: number, tensor: number, wordCount: number): Promise<Uint32Array> {
  checkInteger('number of random words', wordCount, 0, 2 ** 29);
  const bytes = await drawBytes(stream, step, tensor, 4 * wordCount);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Uint32Array(wordCount);
  for (let index = 0; index < wordCount; index++) words[index] = view.getUint32(4 * index);
  bytes.fill(0);
  return words;
}
