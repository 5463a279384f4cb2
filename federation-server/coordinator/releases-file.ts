import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from '../../src/federation/status.ts';

/** What the ServerApp has let out, oldest first. */
export async function readReleases(outFolder: string): Promise<readonly Release[]> {
  // Written whole by renaming, so that it is always JSON.
  const content = await readFile(join(outFolder, 'releases.json'), 'utf8').catch(() => null);
  return content === null ? [] : (JSON.parse(content) as { readonly releases: readonly Release[] }).releases;
}

/** The bytes of a release; null where they are not those that were signed. */
export async function readRelease(outFolder: string, { version, sha256 }: Release): Promise<Buffer | null> {
  const content = await readFile(join(outFolder, `release-${version}.npy`)).catch(() => null);
  return content !== null && createHash('sha256').update(content).digest('hex') === sha256 ? content : null;
}
