/**
 * The app in a browser whose person agreed to one round and no more, beside honest nodes and one whose every update is far beyond the norm bound, against
 * the coordinator's command: the huge update is dropped and written down, the browser declines the second round and says why, and the run goes on to its end.
 */
import { join as joinPath } from 'node:path';
import { chromium } from '@playwright/test';
import { chromiumArguments, chromiumPath } from '../../scripts/chromium.mjs';
import { agreementFigures } from '../../src/federation/agreement.ts';
import { startCommand, takeSeat, until, type Command } from './command.ts';
import { readHistory } from './history.ts';
import { joinHostile } from './hostile.ts';
import { join as joinByPage, openParticipant } from './in-browsers.ts';
import { join } from './participant.ts';
import type { Scene } from './scene.ts';

const rounds = 3;
const patienceMs = 180_000;
/** So small that no update changes a score: what counts is who is counted. */
const serverRate = 1e-6;

export async function budgetInBrowser(scene: Scene): Promise<void> {
  const startedMs = Date.now();
  const command = await startCommand(scene.bin, ['--rounds', String(rounds), '--server-rate', String(serverRate), '--min-clients', '4', '--min-replies', '2', '--seats', '5', '--timeout', '60'], joinPath(scene.folder, 'budget'));
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
  try {
    await takePart(scene, command, () => browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' }));
    console.log(`budget in a browser: ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  } finally {
    await browser.close();
    await command.interrupt();
  }
}

async function takePart(scene: Scene, command: Command, newContext: Parameters<typeof openParticipant>[0]): Promise<void> {
  const { task, taskHash } = command;
  await until(command, ({ model }) => model !== null);
  const person = await openParticipant(newContext, `${command.origin}/?backend=wasm#/federation/room-${command.token('room')}`);
  await joinByPage(person, (1.02 * agreementFigures(task).epsilonPerRound).toFixed(3));
  const seated = async () => ({ key: await takeSeat(command), send: command.send });
  const honestNode = async (seat: number) => join(command.origin, task, taskHash, (round) => new Float32Array(task.coordinates).fill(1e-3 * seat * round), await seated());
  const honest = await Promise.all([1, 2].map(honestNode));
  const hostile = await joinHostile(command.origin, 'norm 1e30', task.coordinates, await seated());

  // In the place of the browser, which rests once its part is over: a round waits for four.
  await until(command, ({ rounds: done }) => done.length >= 1);
  honest.push(await honestNode(3));
  const end = await until(command, ({ state }) => state === 'finished');
  scene.check(end.state === 'finished' && end.rounds.length === rounds && end.rounds.every(({ isCounted, isKept }) => isCounted && isKept), `the run goes on to its end, found ${end.state} ${JSON.stringify(end.rounds)}`);
  const [first, ...later] = end.rounds.map(({ accepted }) => accepted);
  scene.check(first === 3 && later.every((accepted) => accepted === 2 || accepted === 3) && later.at(-1) === 3, `the browser answers the first round, and the others go on without it, found ${JSON.stringify(end.rounds)}`);
  const history = readHistory(joinPath(command.folder, 'out')).rounds;
  scene.check(history.every(({ dropped }) => /^norm .* above/.test(dropped[String(hostile.nodeId)] ?? '')), `a huge update is dropped for what it is, and written down, found ${JSON.stringify(history.map(({ dropped }) => dropped))}`);
  await person.page.getByRole('heading', { level: 1, name: 'The ε that you agreed to is used up' }).waitFor({ timeout: patienceMs });
  scene.check(await person.page.getByText('One more round would pass the ε that was agreed.').first().isVisible(), 'the page says why the second round was declined');
  scene.check((await person.page.getByText('declined here').count()) > 0 && (await person.page.getByText('trained and sent').count()) > 0, 'and lists the round that was sent beside the one that was not');
  await person.page.reload();
  await person.page.getByRole('heading', { level: 1, name: 'The ε that you agreed to is used up' }).waitFor({ timeout: patienceMs });
  scene.check(person.faults.length === 0, `no fault on the page, found ${person.faults.join('; ')}`);
  await hostile.stop();
  await Promise.all(honest.map(({ node }) => node.leave()));
}
