import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the ServerApp wrote about its rounds. */
export interface History {
  /** Charged by the server's own noise so far; null where it adds none. */
  readonly central: { readonly noiseMultiplier: number; readonly delta: number; readonly rounds: number; readonly epsilon: number } | null;
  readonly rounds: readonly { readonly round: number; readonly isCounted: boolean; readonly isKept: boolean; readonly accepted: Readonly<Record<string, number>>; readonly dropped: Readonly<Record<string, string>>; readonly seconds: number; readonly deviceSeconds: number }[];
}

export function readHistory(out: string): History {
  return JSON.parse(readFileSync(join(out, 'history.json'), 'utf8')) as History;
}
