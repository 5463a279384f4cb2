import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BedsideError } from '../../src/ground/errors.ts';
import type { KeptSeats } from './seats.ts';

/** Where one federation is kept: a folder a task, readable by its owner alone. */
export class FederationFolder {
  readonly path: string;
  /** The ServerApp's files: model, history, status. */
  readonly out: string;
  readonly log: string;
  readonly #seats: string;

  constructor(stateFolder: string, taskHash: string) {
    this.path = join(stateFolder, taskHash.slice(0, 16));
    this.out = join(this.path, 'out');
    this.log = join(this.path, 'server.log');
    this.#seats = join(this.path, 'seats.json');
    mkdirSync(this.out, { recursive: true, mode: 0o700 });
  }

  /** Who sat where before; a new secret where nobody did. */
  readSeats(): KeptSeats {
    if (!existsSync(this.#seats)) return { version: 1, secret: randomBytes(32).toString('hex'), seats: [] };
    const kept: unknown = JSON.parse(readFileSync(this.#seats, 'utf8'));
    if (!isKeptSeats(kept)) throw new BedsideError('cli/seats', 'input', `${this.#seats} is damaged.`, 'Restore it from a copy; without it nobody who joined is known.');
    return kept;
  }

  /** Whole at every moment, and on the disk when it returns. */
  saveSeats(kept: KeptSeats): void {
    const next = `${this.#seats}.new`;
    const file = openSync(next, 'w', 0o600);
    writeSync(file, JSON.stringify(kept));
    fsyncSync(file);
    closeSync(file);
    renameSync(next, this.#seats);
  }

  /** Nobody else may hand out these seats meanwhile. @throws where another process that is alive holds the folder. */
  hold(): void {
    const path = join(this.path, 'running.pid');
    const other = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
    if (other !== process.pid && isAlive(other)) throw new BedsideError('cli/running', 'settings', `This federation is running already (process ${other}).`, `Stop that one first; if it is another program, delete ${path}.`);
    this.write('running.pid', String(process.pid));
  }

  release(): void {
    rmSync(join(this.path, 'running.pid'), { force: true });
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // There, and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isKeptSeats(value: unknown): value is KeptSeats {
  if (typeof value !== 'object' || value === null || !('version' in value && 'secret' in value && 'seats' in value)) return false;
  const { version, secret, seats } = value;
  return version === 1 && typeof secret === 'string' && /^[0-9a-f]{64}$/.test(secret) && Array.isArray(seats) && seats.every(isKeptSeat);
}

function isKeptSeat(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'keyHash' in value && 'hasLeft' in value && typeof value.hasLeft === 'boolean' && (value.keyHash === null || (typeof value.keyHash === 'string' && /^[0-9a-f]{64}$/.test(value.keyHash)));
}
