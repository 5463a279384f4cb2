import { cpus, release, totalmem, type as system } from 'node:os';

/** The machine in words, for result files. */
export function machineInWords(): string {
  const cores = cpus();
  return `${cores[0]?.model.trim() ?? 'unknown processor'}, ${cores.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${system()} ${release().split('-')[0]}, Node ${process.versions.node}`;
}
