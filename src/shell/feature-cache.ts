import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import type { PooledCache } from '../training/pooled-cache.ts';
import { EncoderFingerprint, type EncodingEngine } from './encoder-fingerprint.ts';
import { featureLockName, openFeatureRoot, writeFeatureFile } from './feature-files.ts';
import { firstBytes, importSealKey, nameBytes, openNames, openValues, readHeader, sealSegment, segmentBytes } from './feature-segment.ts';

/** What the guard lends to a trainer for one run: a project's folder, its secret, and how much may be written. */
export interface FeatureGrant {
  readonly rootName: string;
  readonly folder: string;
  /** 32 secret bytes of the project; they name its rows and seal its files. */
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly encoderSha256: string;
  /** Begins the names of files that are written. */
  readonly prefix: string;
  /** Files that were there before anybody of this run wrote: whatever is wrong with one of them is not a write in progress. */
  readonly files: readonly string[];
  /** Outputs token by token of an earlier run lie there too. */
  readonly hasOutputs?: boolean;
  readonly allowanceBytes: number;
}

/** A file is written when so much has gathered, or so much time has passed: a tab that is closed loses little. */
const fileBytes = 1 << 20;
const longestHeldMs = 5000;

interface OpenGrant extends FeatureGrant {
  readonly directory: FileSystemDirectoryHandle;
  readonly sealKey: CryptoKey;
  readonly nameKey: Uint8Array;
  /** Rows and layers known to lie on disk or in what is held back. */
  readonly known: Set<string>;
  leftBytes: number;
}

/**
 * A trainer worker's cache of pooled note features on disk. Every worker may read every file of the project and writes files of its own, each once;
 * so no two write to one file, whatever their number and in however many tabs.
 * Guarantee: whatever fails, full disk included, ends the cache for this run and nothing else.
 */
export class FeatureCache implements PooledCache {
  readonly #engine: EncodingEngine;
  #grant: OpenGrant | null = null;
  readonly #fingerprint: EncoderFingerprint;
  #held: { readonly name: Uint8Array; readonly values: Float32Array }[] = [];
  #heldSinceMs = 0;

  constructor(engine: EncodingEngine) {
    this.#engine = engine;
    this.#fingerprint = new EncoderFingerprint(engine);
  }

  /** Works in another project's folder from now on, or in none: the secret of the last one is forgotten. */
  async use(grant: FeatureGrant | null): Promise<void> {
    this.#grant = null;
    this.#held = [];
    if (!grant) return;
    await this.#orGiveUp(async () => {
      const root = await openFeatureRoot(grant.rootName);
      const directory = await root?.getDirectoryHandle(grant.folder);
      if (!directory) return;
      const key = (purpose: string) => hmac(sha256, grant.secret, utf8ToBytes(`bedside/features/${purpose}`));
      this.#grant = { ...grant, directory, sealKey: await importSealKey(new Uint8Array(key('seal'))), nameKey: key('name'), known: new Set(), leftBytes: grant.allowanceBytes };
    });
  }

  async find(rows: readonly Int32Array[], layers: readonly number[]): Promise<readonly (Float32Array | null)[]> {
    const { width } = this.#engine.shape;
    const found = rows.map(() => new Float32Array(layers.length * width));
    const missing = Int32Array.from(rows, () => layers.length);
    await this.#orGiveUp(async () => {
      const grant = this.#grant;
      if (!grant) return;
      const wanted = new Map<string, { readonly row: number; readonly place: number }[]>();
      for (const [row, names] of (await this.#namesOf(rows, layers, grant)).entries()) {
        for (const [place, name] of names.entries()) {
          const key = bytesToHex(name);
          wanted.set(key, [...(wanted.get(key) ?? []), { row, place }]);
        }
      }
      const taken = new Set<string>();
      for (const file of grant.files) {
        const reading = this.#readFile(file, wanted, grant, (key, values) => {
          // Two runs at the same time, or a closed tab's last moments, may have written a row twice.
          if (taken.has(key)) return;
          taken.add(key);
          grant.known.add(key);
          for (const { row, place } of wanted.get(key) ?? []) {
            found[row]!.set(values, place * width);
            missing[row]!--;
          }
        });
        // A file that goes away while it is read holds nothing any more.
        await reading.catch(() => undefined);
      }
    });
    return found.map((pooled, row) => (missing[row] === 0 ? pooled : null));
  }

  async keep(rows: readonly Int32Array[], layers: readonly number[], pooled: Float32Array): Promise<void> {
    await this.#orGiveUp(async () => {
      const grant = this.#grant;
      if (!grant) return;
      const { width } = this.#engine.shape;
      for (const [row, names] of (await this.#namesOf(rows, layers, grant)).entries()) {
        for (const [place, name] of names.entries()) {
          const key = bytesToHex(name);
          if (grant.known.has(key)) continue;
          grant.known.add(key);
          if (this.#held.length === 0) this.#heldSinceMs = performance.now();
          const at = (row * layers.length + place) * width;
          this.#held.push({ name, values: pooled.slice(at, at + width) });
        }
      }
      if (segmentBytes(this.#held.length, width) >= fileBytes || performance.now() - this.#heldSinceMs > longestHeldMs) await this.flush();
    });
  }

  async flush(): Promise<void> {
    await this.#orGiveUp(async () => {
      const [grant, held] = [this.#grant, this.#held];
      this.#held = [];
      if (!grant || held.length === 0) return;
      const { width } = this.#engine.shape;
      const bytes = segmentBytes(held.length, width);
      if (bytes > grant.leftBytes) return;
      grant.leftBytes -= bytes;
      const names = new Uint8Array(held.length * nameBytes);
      const values = new Float32Array(held.length * width);
      held.forEach((entry, index) => {
        names.set(entry.name, index * nameBytes);
        values.set(entry.values, index * width);
      });
      const file = await sealSegment(grant.sealKey, names, values, width);
      await navigator.locks.request(featureLockName(grant.folder), { mode: 'shared' }, () => writeFeatureFile(grant.directory, `${grant.prefix}-${crypto.randomUUID()}`, file));
    });
  }

  /** Reads those rows of one file that are wanted; a file that does not open is removed. */
  async #readFile(name: string, wanted: ReadonlyMap<string, unknown>, { directory, sealKey }: OpenGrant, take: (key: string, values: Float32Array) => void): Promise<void> {
    const file = await directory.getFileHandle(name).then((handle) => handle.getFile()).catch(() => null);
    // Gone: another worker found that it was damaged, or somebody cleared the cache.
    if (!file) return;
    const bytesOf = async (from: number, to: number) => new Uint8Array(await file.slice(from, to).arrayBuffer());
    const damaged = () => directory.removeEntry(name).catch(() => undefined);
    const header = readHeader(await bytesOf(0, firstBytes), file.size);
    if (!header) return damaged();
    if (header.width !== this.#engine.shape.width) return;
    const start = await bytesOf(0, header.valuesAt);
    const names = await openNames(sealKey, header, start);
    if (!names) return damaged();
    const keys = Array.from({ length: header.rows }, (_, row) => bytesToHex(names.subarray(row * nameBytes, (row + 1) * nameBytes)));
    if (!keys.some((key) => wanted.has(key))) return;
    const values = await openValues(sealKey, header, start, await bytesOf(header.valuesAt, header.fileBytes));
    if (!values) return damaged();
    keys.forEach((key, row) => {
      if (wanted.has(key)) take(key, values.subarray(row * header.width, (row + 1) * header.width));
    });
  }

  /** Names of rows under each layer: 12 bytes of a keyed hash of what computes and of the tokens, then the layer. */
  async #namesOf(rows: readonly Int32Array[], layers: readonly number[], grant: OpenGrant): Promise<Uint8Array[][]> {
    const fingerprint = await this.#fingerprint.of(grant.encoderSha256);
    return rows.map((ids) => {
      const hash = hmac.create(sha256, grant.nameKey).update(fingerprint).update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)).digest();
      return layers.map((layer) => {
        const name = hash.slice(0, nameBytes);
        new DataView(name.buffer).setUint32(12, layer);
        return name;
      });
    });
  }

  /** A cache that fails is given up for the run: the features are computed. */
  async #orGiveUp(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch {
      this.#grant = null;
      this.#held = [];
    }
  }
}
