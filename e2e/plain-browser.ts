import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { chromiumArguments, chromiumPath } from '../scripts/chromium.mjs';

interface Answer {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A tab as it is where nobody drives the browser. */
export interface PlainTab {
  /** The value of an expression in the page, waited for. */
  evaluate(expression: string): Promise<unknown>;
}

export interface PlainBrowser {
  openTab(url: string): Promise<PlainTab>;
  close(): void;
}

/** A browser over its pipe, without Playwright, which tells every page that it is seen and in focus. Its last tab is in front. */
export function startPlainBrowser(profile: string): PlainBrowser {
  const child = spawn(chromiumPath(), [...chromiumArguments, '--headless=new', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  // The browser reads from its third descriptor and writes to its fourth; each message ends with a zero byte.
  const [commands, answers] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, (answer: Answer) => void>();
  let count = 0;
  let held = '';
  answers.setEncoding('utf8').on('data', (part: string) => {
    const messages = (held + part).split('\0');
    held = messages.pop() ?? '';
    for (const text of messages) {
      const answer: Answer = JSON.parse(text);
      if (answer.id === undefined) continue;
      waiting.get(answer.id)?.(answer);
      waiting.delete(answer.id);
    }
  });
  const send = (method: string, params: object, sessionId?: unknown) =>
    new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      const id = ++count;
      waiting.set(id, ({ result, error }) => (result ? resolve(result) : reject(new Error(error?.message ?? method))));
      commands.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    });
  return {
    async openTab(url) {
      const { targetId } = await send('Target.createTarget', { url });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      return {
        async evaluate(expression) {
          const { result } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
          return Object(result).value;
        },
      };
    },
    close: () => void child.kill('SIGKILL'),
  };
}
