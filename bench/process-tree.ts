/** Memory of processes on this machine, from /proc: Linux alone. */
import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory of a process and of all that it started. Units: bytes. */
export function residentBytesOfTree(rootPid: number): number {
  const processes = new Map<number, { readonly parent: number; readonly bytes: number }>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      processes.set(Number(name), { parent: Number(/PPid:\s+(\d+)/.exec(status)?.[1]), bytes: 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) });
    } catch {
      // The process ended between the two reads.
    }
  }
  const belongs = (pid: number): boolean => pid === rootPid || (processes.has(pid) && processes.get(pid)!.parent > 1 && belongs(processes.get(pid)!.parent));
  let sum = 0;
  for (const [pid, { bytes }] of processes) if (belongs(pid)) sum += bytes;
  return sum;
}
