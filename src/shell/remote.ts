/** Comlink with errors of ours intact, and workers whose death is noticed. Every file that crosses a worker boundary imports comlink from here. */
import { transferHandlers, wrap, type Remote } from 'comlink';
import { errorToPlain, plainToError, BedsideError, type PlainError } from '../ground/errors.ts';
import { hearRequests } from './worker-requests.ts';

export { expose, proxy, transfer, wrap, releaseProxy } from 'comlink';
export type { Remote } from 'comlink';

interface Thrown {
  readonly value: unknown;
}

function isThrown(value: unknown): value is Thrown {
  return typeof value === 'object' && value !== null && 'value' in value;
}

function isPlainError(value: unknown): value is PlainError {
  return typeof value === 'object' && value !== null && 'bedside' in value;
}

// Comlink's own handler keeps name, message and stack of an error; ours keeps code, family and hint, and nothing of an unexpected error that could quote a text.
const own = transferHandlers.get('throw');
if (own) {
  transferHandlers.set('throw', {
    canHandle: own.canHandle,
    serialize: (thrown) => [errorToPlain(isThrown(thrown) ? thrown.value : thrown), []],
    deserialize: (plain) => {
      throw isPlainError(plain) ? plainToError(plain) : plainToError(errorToPlain(plain));
    },
  });
}

/** A worker ended before it answered: the browser ran out of memory, or somebody stopped it. */
export function workerDied(what: string): BedsideError {
  return new BedsideError('device/worker-died', 'device', `The background worker for ${what} ended before it was done.`, 'Nothing that was saved is lost. Close other tabs if memory is short, then resume.', { what });
}

/** Holds a lock for as long as this worker lives; whoever waits for it learns of the worker's death, however it died. */
export async function holdLifeLock(name: string): Promise<void> {
  await new Promise<void>((held) => {
    void navigator.locks.request(name, () => {
      held();
      return new Promise<never>(() => undefined);
    });
  });
}

/** Resolves when the holder of `name` is gone. Call it only after the holder has said that it holds the lock. */
export async function whenLifeLockIsFree(name: string, signal: AbortSignal): Promise<void> {
  await navigator.locks.request(name, { signal }, () => undefined);
}

/** What a worker of ours answers before anything else. */
export interface Living {
  /** Takes the life lock; resolves once it is held. */
  live(lockName: string): Promise<void>;
}

/** An object behind a worker, whose every call rejects with `device/worker-died` once the worker is gone. */
export interface WorkerLink<T> {
  readonly remote: Remote<T>;
  readonly lockName: string;
  /** Races a call against the worker's death. */
  call<R>(ask: (remote: Remote<T>) => Promise<R>): Promise<R>;
  readonly isDead: boolean;
  onDeath(listener: () => void): void;
  terminate(): void;
}

/** Starts a worker and waits until it lives. `what` names its task in messages. */
export async function linkWorker<T extends Living>(worker: Worker, what: string): Promise<WorkerLink<T>> {
  const remote = wrap<T>(worker);
  const lockName = `bedside-life-${crypto.randomUUID()}`;
  const waiting = new AbortController();
  const listeners: (() => void)[] = [];
  let isDead = false;
  let die: (error: BedsideError) => void = () => undefined;
  const death = new Promise<never>((_, reject) => (die = reject));
  death.catch(() => undefined);
  const end = () => {
    if (isDead) return;
    isDead = true;
    worker.terminate();
    die(workerDied(what));
    for (const listener of listeners) listener();
  };
  hearRequests(worker, lockName);
  // A script that cannot be loaded never takes the lock; its error event is the only sign.
  worker.addEventListener('error', end);
  const live: (name: string) => Promise<unknown> = (name) => Promise.resolve((remote as Remote<Living>).live(name));
  await Promise.race([live(lockName), death]);
  void whenLifeLockIsFree(lockName, waiting.signal).then(end, () => undefined);
  return {
    remote,
    lockName,
    call: (ask) => Promise.race([ask(remote), death]),
    get isDead() {
      return isDead;
    },
    onDeath: (listener) => listeners.push(listener),
    terminate: () => {
      waiting.abort();
      end();
    },
  };
}
