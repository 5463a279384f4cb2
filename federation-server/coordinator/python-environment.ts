import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BedsideError } from '../../src/ground/errors.ts';

const serverFolder = join(import.meta.dirname, '..');
const environmentFolder = join(serverFolder, '.venv');
const requirements = join(serverFolder, 'requirements.txt');
const isWindows = process.platform === 'win32';
const binFolder = join(environmentFolder, isWindows ? 'Scripts' : 'bin');
const pythons = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python', 'py'];

/** Folder with flwr's commands: `BEDSIDE_FLWR_BIN`, else our own environment; null where there is none. */
export function findFlower(): string | null {
  const folder = process.env['BEDSIDE_FLWR_BIN'] ?? binFolder;
  return existsSync(join(folder, isWindows ? 'flower-superlink.exe' : 'flower-superlink')) ? folder : null;
}

/** The same, installed from PyPI where it is missing or of other versions than are pinned. Asks the network for nothing where it is there. */
export function installFlower(say: (line: string) => void): string {
  const found = findFlower();
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const stamp = join(environmentFolder, 'bedside-requirements');
  const isOurs = process.env['BEDSIDE_FLWR_BIN'] === undefined;
  if (found !== null && (!isOurs || (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted))) return found;
  if (!isOurs) throw new BedsideError('cli/flwr-bin', 'settings', 'BEDSIDE_FLWR_BIN names a folder without flower-superlink.', 'Correct it, or unset it to have flwr installed.');
  const python = findPython();
  say('Installing Flower (flwr) into federation-server/.venv; this takes a minute or two, once.');
  const make = spawnSync(python, ['-m', 'venv', environmentFolder], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (make.status !== 0) throw notInstalled('the virtual environment could not be made');
  const install = spawnSync(pythonOf(binFolder), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (install.status !== 0 || findFlower() === null) throw notInstalled('pip failed');
  writeFileSync(stamp, wanted);
  return binFolder;
}

export function pythonOf(bin: string): string {
  return join(bin, isWindows ? 'python.exe' : 'python');
}

function findPython(): string {
  const found = pythons.find((name) => spawnSync(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'], { stdio: 'ignore' }).status === 0);
  if (found === undefined) throw new BedsideError('cli/no-python', 'settings', 'The federation\'s server needs Python 3.11 or newer, and none was found.', 'Install Python from python.org or with your system\'s packages, then run this again.');
  return found;
}

function notInstalled(why: string): BedsideError {
  return new BedsideError('cli/flwr-install', 'network', `Flower could not be installed: ${why}.`, 'See the lines above. The first start needs PyPI; later ones need no network.');
}
