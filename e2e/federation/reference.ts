import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import type { Scene } from './scene.ts';

export interface Sent {
  readonly nodeId: bigint;
  /** The .npy files that went over the wire, round by round. */
  readonly sentArrays: readonly Uint8Array[];
}

/** Writes what went over the wire beside what the server wrote, and has NumPy compare, bit for bit. `start`: the first model's file and the server's rate; zeros and 1 without it. */
export function equalsReference(scene: Scene, out: string, nodes: readonly Sent[], rounds: number, start?: { readonly file: string; readonly rate: number }): boolean {
  mkdirSync(joinPath(out, 'sent'), { recursive: true });
  for (const { nodeId, sentArrays } of nodes) for (const [index, file] of sentArrays.entries()) writeFileSync(joinPath(out, 'sent', `${index + 1}-${nodeId}.npy`), file);
  const { status, stdout, stderr } = spawnSync(joinPath(scene.bin, 'python'), [joinPath(import.meta.dirname, 'reference.py'), out, String(rounds), ...(start ? [start.file, String(start.rate)] : [])], { encoding: 'utf8' });
  console.log(`reference: ${(stdout + stderr).trim()}`);
  return status === 0;
}
