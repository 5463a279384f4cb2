import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoFloatFiles } from '../../engine/model/nano.ts';
import { quantizedFolder } from '../model-folder.ts';

const project = join(import.meta.dirname, '..', '..', '..');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a nano model in `base`, 120 notes of 60 people in `notes.csv`, and 12 other ones of six of them in `test.csv`. */
export async function makeNotesFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bedside-train-'));
  mkdirSync(join(folder, 'base'));
  for (const [name, bytes] of await quantizedFolder(nanoFloatFiles(1), { name: 'nano', origin: 'made by code' }, new Uint8Array())) writeFileSync(join(folder, 'base', name), bytes);
  const words = { cough: 'cough cough wheeze sputum', knee: 'knee swollen joint limp', rash: 'rash itch red skin' };
  const rows = Array.from({ length: 120 }, (_, i) => {
    const [kind, text] = Object.entries(words)[i % 3]!;
    return `"${text}, day ${i}",${kind},p${Math.floor(i / 2)}`;
  });
  writeFileSync(join(folder, 'notes.csv'), `note,kind,who\n${rows.join('\n')}\n`);
  writeFileSync(join(folder, 'test.csv'), `note,kind,who\n${rows.slice(0, 12).map((row) => row.replace('day', 'night')).join('\n')}\n`);
  return folder;
}

/** Runs a command of `src/cli` as `npm run` does, with the ledger `ledger.jsonl` of the folder. */
export function runCommandLine(folder: string, name: 'train' | 'predict', args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', join(project, 'src', 'cli', `${name}.ts`), ...args], { cwd: project, env: { ...process.env, BEDSIDE_LEDGER: join(folder, 'ledger.jsonl') } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}
