import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BedsideError } from '../../src/ground/errors.ts';

const serverFolder = join(import.meta.dirname, '..');
const isWindows = process.platform === 'win32';
const pythons = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python', 'py'];

/** A virtual environment, and what it holds. */
export interface PythonEnvironment {
  readonly folder: string;
  /** Files of pip, in `federation-server`; the first is the one that is installed, the others are those that it names. */
  readonly requirements: readonly [string, ...string[]];
}

const serverEnvironment: PythonEnvironment = { folder: join(serverFolder, '.venv'), requirements: ['requirements.txt'] };

/** Folder with flwr's commands that are there already: `BEDSIDE_FLWR_BIN`, else the command's own; null where there are none. */
export function findFlower(): string | null {
  const folder = process.env['BEDSIDE_FLWR_BIN'] ?? binOf(serverEnvironment);
  return hasFlower(folder) ? folder : null;
}

/** Folder with flwr's commands: `BEDSIDE_FLWR_BIN`, else `environment`, installed from PyPI where it is missing or of other versions than are pinned. Asks the network for nothing where it is there. */
export function installFlower(say: (line: string) => void, environment: PythonEnvironment = serverEnvironment): string {
  const given = process.env['BEDSIDE_FLWR_BIN'];
  if (given !== undefined) {
    if (!hasFlower(given)) throw new BedsideError('cli/flwr-bin', 'settings', 'BEDSIDE_FLWR_BIN names a folder without flower-superlink.', 'Correct it, or unset it to have flwr installed.');
    return given;
  }
  const { folder, requirements } = environment;
  const bin = binOf(environment);
  const stamp = join(folder, 'bedside-requirements');
  const hash = createHash('sha256');
  for (const file of requirements) hash.update(readFileSync(join(serverFolder, file)));
  const wanted = hash.digest('hex');
  if (hasFlower(bin) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return bin;
  const python = findPython();
  say(`Installing Flower (flwr) into ${folder}; this takes a minute or two, once.`);
  mkdirSync(dirname(folder), { recursive: true });
  const make = spawnSync(python, ['-m', 'venv', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (make.status !== 0) throw notInstalled('the virtual environment could not be made');
  const install = spawnSync(pythonOf(bin), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(serverFolder, requirements[0])], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (install.status !== 0 || !hasFlower(bin)) throw notInstalled('pip failed');
  writeFileSync(stamp, wanted);
  return bin;
}

export function pythonOf(bin: string): string {
  return join(bin, isWindows ? 'python.exe' : 'python');
}

function binOf({ folder }: PythonEnvironment): string {
  return join(folder, isWindows ? 'Scripts' : 'bin');
}

function hasFlower(bin: string): boolean {
  return existsSync(join(bin, isWindows ? 'flower-superlink.exe' : 'flower-superlink'));
}

function findPython(): string {
  const found = pythons.find((name) => spawnSync(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'], { stdio: 'ignore' }).status === 0);
  if (found === undefined) throw new BedsideError('cli/no-python', 'settings', 'The federation\'s server needs Python 3.11 or newer, and none was found.', 'Install Python from python.org or with your system\'s packages, then run this again.');
  return found;
}

function notInstalled(why: string): BedsideError {
  return new BedsideError('cli/flwr-install', 'network', `Flower could not be installed: ${why}.`, 'See the lines above. The first start needs PyPI; later ones need no network.');
}
