import type { SilenceReport } from '../../shell/bedside.service.ts';

export interface NamedRequests {
  readonly what: string;
  /** When it was first asked for. */
  readonly atMs: number;
  readonly receivedBytes: number;
  readonly count: number;
}

/** Requests of one name as one: each worker asks for the same files, from the cache after a reload. In the order of the first. */
export function requestsByName(requests: SilenceReport['requests']): NamedRequests[] {
  const byName = new Map<string, NamedRequests>();
  for (const { what, atMs, receivedBytes } of requests) {
    const same = byName.get(what);
    byName.set(what, same ? { what, atMs: Math.min(same.atMs, atMs), receivedBytes: same.receivedBytes + receivedBytes, count: same.count + 1 } : { what, atMs, receivedBytes, count: 1 });
  }
  return [...byName.values()].sort((a, b) => a.atMs - b.atMs);
}
