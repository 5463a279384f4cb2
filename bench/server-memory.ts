/** Memory of a federation's server processes, from /proc: Linux alone. */
import { readdirSync, readFileSync } from 'node:fs';

export type ServerPart = 'superlink' | 'serverApp';

/** Resident memory by part, of the processes that were started with this FLWR_HOME. Units: bytes. */
export function residentBytes(flwrHome: string): Readonly<Record<ServerPart, number>> {
  const found = { superlink: 0, serverApp: 0 };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`FLWR_HOME=${flwrHome}`)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const part = command.includes('flwr-serverapp') ? 'serverApp' : /flower-super(link|exec)/.test(command) ? 'superlink' : null;
      const kilobytes = Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      if (part !== null) found[part] += 1024 * kilobytes;
    } catch {
      // Ended in between, or somebody else's.
    }
  }
  return found;
}

/** The most that was resident at one look, twice a second, until it is stopped. */
export function watchMemory(flwrHome: string): () => Readonly<Record<ServerPart, number>> {
  const peak = { superlink: 0, serverApp: 0 };
  const look = (): void => {
    const now = residentBytes(flwrHome);
    for (const part of ['superlink', 'serverApp'] as const) peak[part] = Math.max(peak[part], now[part]);
  };
  look();
  const timer = setInterval(look, 500);
  return () => {
    clearInterval(timer);
    return peak;
  };
}
