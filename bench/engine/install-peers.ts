import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..');

/** Installs the peers of `bench/package.json` into `bench/node_modules` where one is missing; they are no part of the app. */
export function installPeers(): void {
  const { dependencies }: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const missing = Object.keys(dependencies).filter((name) => !existsSync(join(folder, 'node_modules', name, 'package.json')));
  if (missing.length === 0) return;
  console.log(`Installing ${missing.join(', ')} into bench/node_modules.`);
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error('The peers could not be installed. Connect to the npm registry once; afterwards no network is needed.');
}
