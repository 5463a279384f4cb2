import type { SilenceReport } from '../../shell/bedside.service.ts';

export interface NamedRequests {
  readonly what: string;
  /** When it was first asked for. */
  readonly atMs: number;
  readonly receivedBytes: number;
  readonly count: number;
}

/** What a build calls a piece of the app: a name, a hash, an ending. Says nothing to who reads it. */
const partOfApp = /-[\w-]{8}\.(?:js|css|woff2?|wasm)$/;
/** The name under which those pieces are told. */
export const appParts = 'app-parts';

/** Requests of one name as one: each worker asks for the same files, from the cache after a reload. In the order of the first. */
export function requestsByName(requests: SilenceReport['requests']): NamedRequests[] {
  const byName = new Map<string, NamedRequests>();
  for (const { what: file, atMs, receivedBytes } of requests) {
    const what = partOfApp.test(file) ? appParts : file;
    const same = byName.get(what);
    byName.set(what, same ? { what, atMs: Math.min(same.atMs, atMs), receivedBytes: same.receivedBytes + receivedBytes, count: same.count + 1 } : { what, atMs, receivedBytes, count: 1 });
  }
  return [...byName.values()].sort((a, b) => a.atMs - b.atMs);
}
