import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import type { PrefixStore } from '../training/prefix-store.ts';
import { EncoderFingerprint, type EncodingEngine } from './encoder-fingerprint.ts';
import type { FeatureGrant } from './feature-cache.ts';
import { featureLockName, openFeatureRoot, outputsFolder, writeFeatureFile } from './feature-files.ts';
import { importSealKey, open, seal } from './feature-segment.ts';

/** Nonce and tag of a file. */
export const outputFileBytes = 28;

interface OpenFolder {
  readonly encoderSha256: string;
  readonly folder: string;
  readonly prefix: string;
  readonly directory: FileSystemDirectoryHandle;
  readonly sealKey: CryptoKey;
  readonly nameKey: Uint8Array;
  leftBytes: number;
}

/**
 * Outputs of frozen layers on disk, a sealed file a row, in the project's folder of note features: they are deleted, limited and reported with those.
 * A file's name is a keyed hash of what computes, the layer and the tokens; its contents are bound to its name.
 * Only for runs that are not private: files come in the order in which rows were drawn.
 * Guarantee: whatever fails, full disk included, ends the store for this run and nothing else.
 */
export class PrefixFiles implements PrefixStore {
  readonly #fingerprint: EncoderFingerprint;
  #open: OpenFolder | null = null;

  constructor(engine: EncodingEngine) {
    this.#fingerprint = new EncoderFingerprint(engine);
  }

  /** Works in another project's folder from now on, or in none. */
  async use(grant: FeatureGrant | null): Promise<void> {
    this.#open = null;
    if (!grant) return;
    await this.#orGiveUp(async () => {
      const { encoderSha256, folder, prefix, secret, allowanceBytes, rootName } = grant;
      const root = await openFeatureRoot(rootName);
      const directory = await (await root?.getDirectoryHandle(folder))?.getDirectoryHandle(outputsFolder, { create: true });
      if (!directory) return;
      const key = (purpose: string) => hmac(sha256, secret, utf8ToBytes(`bedside/outputs/${purpose}`));
      this.#open = { encoderSha256, folder, prefix, directory, sealKey: await importSealKey(new Uint8Array(key('seal'))), nameKey: key('name'), leftBytes: allowanceBytes };
    });
  }

  async find(layer: number, ids: Int32Array): Promise<Uint16Array | null> {
    let found: Uint16Array | null = null;
    await this.#orGiveUp(async () => {
      const at = this.#open;
      if (!at) return;
      const name = await this.#nameOf(layer, ids, at);
      const file = await at.directory.getFileHandle(name).then((handle) => handle.getFile()).catch(() => null);
      if (!file) return;
      const plain = await open(at.sealKey, new Uint8Array(await file.arrayBuffer()), new Uint8Array(utf8ToBytes(name)));
      // Damaged, or of another project: it is computed and written again.
      if (plain === null || plain.byteLength % 2 !== 0) await at.directory.removeEntry(name).catch(() => undefined);
      else found = new Uint16Array(plain);
    });
    return found;
  }

  async keep(layer: number, ids: Int32Array, outputs: Uint16Array): Promise<void> {
    await this.#orGiveUp(async () => {
      const at = this.#open;
      const bytes = outputs.byteLength + outputFileBytes;
      if (!at || bytes > at.leftBytes) return;
      const name = await this.#nameOf(layer, ids, at);
      const sealed = await seal(at.sealKey, new Uint8Array(outputs.slice().buffer), new Uint8Array(utf8ToBytes(name)));
      at.leftBytes -= bytes;
      await navigator.locks.request(featureLockName(at.folder), { mode: 'shared' }, () => writeFeatureFile(at.directory, name, sealed));
    });
  }

  async #nameOf(layer: number, ids: Int32Array, { nameKey, encoderSha256, prefix }: OpenFolder): Promise<string> {
    const hash = hmac.create(sha256, nameKey).update(await this.#fingerprint.of(encoderSha256)).update(new Uint8Array(Int32Array.of(layer).buffer)).update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)).digest();
    return `${prefix}-${bytesToHex(hash.slice(0, 16))}`;
  }

  async #orGiveUp(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch {
      this.#open = null;
    }
  }
}
