import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSuperLink } from './superlink.ts';

/** Answers /health, ends when it is told to, and says which process it is. */
const fakeSuperLink = `#!${process.execPath}
const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
require('node:http').createServer((request, response) => {
  response.end(String(process.pid));
  if (request.url === '/end') setImmediate(() => process.exit(3));
}).listen(port, '127.0.0.1');
`;

/** Starts a run and says what came of it, as flwr does; keeps what it was asked. */
const fakeFlwr = `#!${process.execPath}
require('node:fs').appendFileSync(require('node:path').join(process.cwd(), 'asked.txt'), process.argv.slice(2).join('|') + '\\n');
console.log(process.argv[2] === 'run' ? 'Successfully started run 17446744073709551615' : '{"runs": [{"run-id": "17446744073709551615", "status": "finished:completed"}]}');
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bedside-superlink-'));
  mkdirSync(join(folder, 'bin'));
  for (const [name, text] of [['flower-superlink', fakeSuperLink], ['flwr', fakeFlwr]] as const) {
    writeFileSync(join(folder, 'bin', name), text);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const answerOf = (url: string): Promise<string | null> => fetch(url).then((answer) => answer.text(), () => null);

// Programs of a fake environment are started by their first line, which Windows does not read.
describe.skipIf(process.platform === 'win32')('a SuperLink', () => {
  it('that ends by itself is started again on its port, and not after it was stopped', async () => {
    const superlink = await startSuperLink(join(folder, 'bin'), folder);
    const first = await answerOf(`${superlink.origin}/health`);
    expect(first).toMatch(/^\d+$/);
    await answerOf(`${superlink.origin}/end`);
    let second = await answerOf(`${superlink.origin}/health`);
    for (let tries = 0; tries < 100 && (second === null || second === first); tries++) {
      await sleep(100);
      second = await answerOf(`${superlink.origin}/health`);
    }
    expect(second).toMatch(/^\d+$/);
    expect(second).not.toBe(first);
    await superlink.stop();
    await superlink.ended;
    await sleep(1500);
    expect(await answerOf(`${superlink.origin}/health`)).toBeNull();
  });

  it('runs the packed app with settings of the types that it declares, and tells the status of that very run', async () => {
    const superlink = await startSuperLink(join(folder, 'bin'), folder);
    expect(await superlink.run({ task: '/a "b"/task.json', 'min-nodes': 3, 'timeout-s': 60, 'server-rate': 1, resume: true })).toBe('finished:completed');
    await superlink.stop();
    const [run, list] = readFileSync(join(folder, 'asked.txt'), 'utf8').trim().split('\n');
    expect(run).toBe(`run|${join(folder, 'app')}|local|--stream|-c|task="/a \\"b\\"/task.json" min-nodes=3 timeout-s=60.0 server-rate=1.0 resume=true owner-pid=${process.pid}`);
    expect(list).toBe('list|local|--run-id|17446744073709551615|--format|json');
    expect(readFileSync(join(folder, 'app', 'pyproject.toml'), 'utf8')).toContain('owner-pid = 0');
  });

  it('is asked after a run for as long as it goes on, and not for ever where nothing answers', async () => {
    // Each question adds a line: the fifth finds the run finished, after which nothing is said.
    writeFileSync(join(folder, 'bin', 'flwr'), fakeFlwr.replace(/console\.log.*/, `const asked = require('node:fs').readFileSync('asked.txt', 'utf8').split('\\n').filter((line) => line.startsWith('list')).length;
console.log(process.argv[2] === 'run' ? 'Successfully started run 7' : asked > 5 ? 'no answer' : JSON.stringify({ runs: [{ status: asked < 5 ? 'running' : 'finished:completed' }] }));`));
    const superlink = await startSuperLink(join(folder, 'bin'), folder, undefined, { unanswered: 2, pauseMs: 1 });
    const before = process.listenerCount('exit');
    expect(await superlink.run({})).toBe('finished:completed');
    expect(await superlink.run({})).toBe('');
    // What has ended is not to be ended once more with us.
    expect(process.listenerCount('exit')).toBe(before);
    await superlink.stop();
  });

  it('that does not start is an error with what it said', async () => {
    writeFileSync(join(folder, 'bin', 'flower-superlink'), `#!${process.execPath}\nconsole.error('no room');process.exit(1);`);
    await expect(startSuperLink(join(folder, 'bin'), folder)).rejects.toThrow(/did not start[\s\S]*no room/);
  });
});
