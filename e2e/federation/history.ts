import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the ServerApp wrote about its rounds. */
export interface History {
  readonly rounds: readonly { readonly round: number; readonly isCounted: boolean; readonly accepted: Readonly<Record<string, number>>; readonly dropped: Readonly<Record<string, string>>; readonly seconds: number; readonly deviceSeconds: number }[];
}

export function readHistory(out: string): History {
  return JSON.parse(readFileSync(join(out, 'history.json'), 'utf8')) as History;
}
