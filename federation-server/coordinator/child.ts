import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a child is asked before it is made to end. */
const PATIENCE_MS = 10_000;
const isWindows = process.platform === 'win32';

export interface Child {
  /** Exit code; null where a signal ended it or it could not be started. */
  readonly ended: Promise<number | null>;
  /** Ends it and all that it has started. */
  stop(): Promise<void>;
}

/** Starts a program in a process group of its own: a Ctrl-C in the terminal reaches us alone, and we end the children in order. */
export function startChild(command: string, args: readonly string[], options: { readonly cwd: string; readonly environment?: NodeJS.ProcessEnv; readonly onOutput: (text: string) => void; /** Of standard output alone. */ readonly onAnswer?: (text: string) => unknown }): Child {
  const child = spawn(command, args, { cwd: options.cwd, env: options.environment ?? process.env, stdio: ['ignore', 'pipe', 'pipe'], detached: !isWindows, windowsHide: true });
  child.stdout.on('data', (data: Buffer) => {
    options.onOutput(data.toString());
    options.onAnswer?.(data.toString());
  });
  child.stderr.on('data', (data: Buffer) => options.onOutput(data.toString()));
  let isOver = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      options.onOutput(`${command}: ${error.message}\n`);
      resolve(null);
    });
    child.once('exit', resolve);
  });
  void ended.then(() => { isOver = true; });
  /** To the whole group, also after its leader has ended: what it started may live on. */
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      if (isWindows) child.kill(name);
      else process.kill(-child.pid, name);
    } catch {
      // Nobody is left in it.
    }
  };
  // Where we end without a chance to wait for anybody.
  const atExit = (): void => signal('SIGKILL');
  process.once('exit', atExit);
  return {
    ended,
    async stop() {
      signal('SIGTERM');
      if (!isOver) await Promise.race([ended, sleep(PATIENCE_MS, undefined, { ref: false })]);
      signal('SIGKILL');
      await ended;
      process.off('exit', atExit);
    },
  };
}
