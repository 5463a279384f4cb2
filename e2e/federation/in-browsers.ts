/**
 * The app itself in three browsers of one machine, against the coordinator's command: the notes of a seat, one update drawn, consent, three rounds, the
 * model that comes back. One browser dies in the middle of a round, one is reloaded and goes on.
 */
import { join as joinPath } from 'node:path';
import { chromium, type BrowserContext, type Page } from '@playwright/test';
import { chromiumArguments, chromiumPath } from '../../scripts/chromium.mjs';
import { dealtTable } from '../../src/data/sample-deal.ts';
import { fromNpy } from '../../src/federation/arrays.ts';
import { decode } from '../../src/federation/codec/decode.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { parseObject, typeOf } from '../../src/federation/object-store.ts';
import { startCommand, until, type Command } from './command.ts';
import { readHistory } from './history.ts';
import { releasedFile } from './receive.ts';
import type { Scene } from './scene.ts';

const rounds = 3;
const serverRate = 20;
const usualPatienceMs = 180_000;

export interface Participant {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Bodies that went out, as they went: address and bytes. */
  readonly sent: { readonly url: string; readonly body: Buffer }[];
  readonly faults: string[];
}

export async function openParticipant(newContext: () => Promise<BrowserContext>, address: string): Promise<Participant> {
  const context = await newContext();
  context.setDefaultTimeout(usualPatienceMs);
  const page = await context.newPage();
  const sent: Participant['sent'] = [];
  const faults: string[] = [];
  context.on('request', (request) => {
    const body = request.postDataBuffer();
    if (body) sent.push({ url: request.url(), body });
  });
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(address);
  return { context, page, sent, faults };
}

/** From the invitation to a member: everything that a person does. `epsilonLimit`: written into the field, where it is given. `patienceMs`: for each step. */
export async function join({ context, page }: Participant, epsilonLimit?: string, patienceMs = usualPatienceMs): Promise<void> {
  context.setDefaultTimeout(patienceMs);
  await page.getByRole('button', { name: 'Take the notes of my seat' }).click();
  await page.getByText(/^They fit:/).waitFor({ timeout: patienceMs });
  // Reads the notes, so that no round has to wait for three browsers that read theirs on the cores of one machine.
  await page.getByRole('button', { name: 'Draw one of my notes' }).click();
  await page.getByText(/The first \d+ bytes as they would go out/).first().waitFor({ timeout: patienceMs });
  for (const box of await page.getByRole('checkbox').all()) await box.check();
  if (epsilonLimit !== undefined) {
    await page.getByRole('spinbutton', { name: 'Stop at ε' }).fill(epsilonLimit);
    await page.keyboard.press('Tab');
  }
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('button', { name: 'Leave', exact: true }).waitFor({ timeout: patienceMs });
}

/** The updates that a browser uploaded, in order. */
function updatesOf({ sent }: Participant, coordinates: number): Float32Array[] {
  return sent.flatMap(({ url, body }) => {
    if (!url.endsWith('/push-object')) return [];
    const { content } = decode(endpoints.pushObject.request, new Uint8Array(body), 10_000_000);
    return typeOf(content) === 'ArrayChunk' ? [fromNpy(parseObject(content, 'ArrayChunk').body, [coordinates])] : [];
  });
}

export async function inBrowsers(scene: Scene): Promise<void> {
  const command = await startCommand(scene.bin, ['--rounds', String(rounds), '--server-rate', String(serverRate), '--min-clients', '3', '--min-replies', '2', '--seats', '3', '--timeout', '60'], joinPath(scene.folder, 'browsers'));
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
  try {
    await takePart(scene, command, () => browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' }));
  } finally {
    await browser.close();
    await command.interrupt();
  }
}

async function takePart(scene: Scene, command: Command, newContext: () => Promise<BrowserContext>): Promise<void> {
  const { coordinates, sample } = command.task;
  if (sample === undefined) throw new Error('The built-in task deals out no notes.');
  await until(command, ({ model }) => model !== null);
  const address = `${command.origin}/?backend=wasm#/federation/room-${command.token('room')}`;
  const participants: Participant[] = [];
  for (let seat = 1; seat <= 3; seat++) {
    const participant = await openParticipant(newContext, address);
    participants.push(participant);
    await join(participant);
  }
  const [first, second, third] = participants as [Participant, Participant, Participant];
  const afterOne = await until(command, (status) => status.rounds.length >= 1);
  const [one] = afterOne.rounds;
  // By chance one of three may be left out: they are mostly noise.
  scene.check(one !== undefined && one.accepted + one.dropped === 3 && one.accepted >= 2, `three browsers answer the first round, found ${JSON.stringify(afterOne.rounds)}`);
  // In the middle of its second round the third browser dies: trained and charged, nothing uploaded.
  let isHeld = false;
  await third.page.route('**/v1/fleet/push-messages', async () => {
    isHeld = true;
  });
  for (const deadline = Date.now() + usualPatienceMs; !isHeld && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 50));
  scene.check(isHeld || updatesOf(third, coordinates).length > 1, 'the third browser was caught in a round');
  await third.context.close();
  // The second is reloaded while rounds go on: it says who it is and goes on.
  await second.page.reload();
  const afterTwo = await until(command, (status) => status.rounds.length >= 2);
  scene.check(afterTwo.rounds[1]?.isCounted === true, `the round goes on without the one that died, found ${JSON.stringify(afterTwo.rounds)}`);
  const end = await until(command, ({ state }) => state === 'finished');
  scene.check(end.state === 'finished' && end.rounds.length === rounds, `all rounds are done, found ${JSON.stringify(end.rounds)}`);

  // The second release is the first plus the mean of what went out of the three browsers, times the rate.
  const norms = Object.values(readHistory(joinPath(command.folder, 'out')).rounds[0]?.accepted ?? {});
  const updates = participants.map((participant) => updatesOf(participant, coordinates)[0]).filter((update) => update === undefined || norms.some((norm) => Math.abs(norm / Math.hypot(...update) - 1) < 1e-6));
  scene.check(updates.length === one?.accepted, `each update that counted was seen on its way, found ${updates.length}`);
  if (afterOne.rounds[0]?.isKept) {
    const [before, after] = [0, 1].map((version) => fromNpy(releasedFile(command.folder, version), [coordinates])) as [Float32Array, Float32Array];
    // float32 of a float64 sum in another order of nodes: a unit in the last place.
    const furthest = Math.max(...after.map((value, i) => Math.abs(value - before[i]! - serverRate * updates.reduce((sum, update) => sum + (update?.[i] ?? NaN) / updates.length, 0)) / Math.max(1, Math.abs(value))));
    scene.check(furthest < 2 ** -22, `the release is what the browsers sent, found ${furthest}`);
  } else {
    scene.check(updates.every((update) => update !== undefined), 'every browser uploaded an update that was then rolled back');
  }
  await first.page.getByRole('button', { name: 'Fetch and check the newest model' }).click();
  await first.page.getByText(/after round \d/).first().waitFor({ timeout: usualPatienceMs });

  await first.page.getByRole('button', { name: 'Leave', exact: true }).click();
  await first.page.getByRole('button', { name: 'Leave now', exact: true }).click();
  await first.page.getByRole('heading', { level: 1, name: 'You have left' }).waitFor({ timeout: usualPatienceMs });
  scene.check((await until(command, ({ participants: { left } }) => left === 1)).participants.left === 1, 'the server knows who left');

  // Nothing of the notes, of persons, or of the labels that a seat has.
  for (const [index, { sent, faults }] of participants.entries()) {
    const everything = sent.map(({ body }) => body.toString('latin1')).join('\n').toLowerCase();
    const { rows } = dealtTable(sample, index + 1);
    scene.check(sent.length > 10 && rows.every(({ cells }) => !everything.includes(cells[0]!.toLowerCase()) && !everything.includes(cells[2]!.toLowerCase())), `nothing of the notes of seat ${index + 1} has left`);
    scene.check(sent.every(({ url }) => url.startsWith(`${command.origin}/`)), 'everything went to the one server');
    scene.check(faults.length === 0, `no fault on the page, found ${faults.join('; ')}`);
  }
}
