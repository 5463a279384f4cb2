/** The coordinator's command with real nodes: what it lets in, and how it comes through a stop and the death of its SuperLink. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { emptyMetricsId } from '../../federation-server/coordinator/checked-reply.ts';
import { decode } from '../../src/federation/codec/decode.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import { registerRequest, type Metadata, type ObjectTree } from '../../src/federation/codec/messages.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { checkSignature } from '../../src/federation/release.ts';
import { SUPERLINK } from '../../src/federation/reply.ts';
import { publicKeyPem, signedHeaders } from '../../src/federation/signing.ts';
import { readReleases } from '../../src/federation/status.ts';
import type { Fetch } from '../../src/federation/transport.ts';
import { gaussianEpsilon } from '../../src/privacy/gaussian.ts';
import { enrol, startCommand, takeSeat, until } from './command.ts';
import { readHistory } from './history.ts';
import { join, makeKey } from './participant.ts';
import { receive, verifyRelease } from './receive.ts';
import { noisedUpdate, type Scene } from './scene.ts';

/** Next to no noise, so that models stay what the updates make them: it is the way through the server that is tested. */
const CENTRAL = 0.01;

/** The command as a coordinator starts it, on the built-in notes: three devices come in through the room's link, others try what they may not, a poisoned round is rolled back, the command is stopped in the middle and goes on. */
export async function throughTheCommand(scene: Scene): Promise<void> {
  const { bin, folder } = scene;
  const rounds = 4;
  const state = joinPath(folder, 'state');
  const args = ['--rounds', String(rounds), '--server-rate', '25', '--central-noise', String(CENTRAL), '--min-clients', '3', '--min-replies', '3', '--seats', '5', '--timeout', '120'];
  const startedMs = Date.now();
  const first = await startCommand(bin, args, state);
  let command = first;
  const { task, taskHash } = first;
  scene.check(task.sample?.persons === 40 && task.releaseKey !== undefined, 'the task deals out notes and names who signs');
  scene.check((await first.post('projector', { projector: first.token('projector') })).json['roomLink'] === `${first.origin}/#/federation/room-${first.token('room')}`, 'the projector has the link of the room');

  const seats = await Promise.all([0, 1, 2].map(async () => (await first.post('deal', { room: first.token('room') })).json));
  scene.check(new Set(seats.map(({ seat }) => seat)).size === 3, 'the room deals three seats');
  const keys = await Promise.all(seats.map(makeKey));
  for (const [index, key] of keys.entries()) scene.check((await enrol(first, key, String(seats[index]!['invitation']))) === 200, 'an invitation lets a key in');
  const intruder = await makeKey();
  scene.check((await enrol(first, intruder, String(seats[0]!['invitation']))) === 409, 'a second key for one invitation is refused');
  const call = async (name: string, body: Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>>) => (await command.send(`${command.origin}/v1/fleet/${name}`, { method: 'POST', headers: { 'content-type': 'application/protobuf', ...headers }, body })).status;
  scene.check((await call('register-node', encode(registerRequest, { publicKey: publicKeyPem(intruder.publicKeySpki) }), await signedHeaders(intruder, new Date().toISOString()))) === 403, 'and cannot register');
  scene.check((await call('register-node', encode(registerRequest, { publicKey: publicKeyPem(intruder.publicKeySpki) }), await signedHeaders(keys[0]!, new Date().toISOString()))) === 401, 'nor under the signature of another');

  await until(command, ({ model }) => model !== null);
  const start = await receive(command, keys[0]!, 0);
  scene.check(start.release.version === 0 && start.model.some((value) => value !== 0), 'the first model is release 0, signed');
  // The port is another one after the restart; a browser would have kept its address.
  const instructions: { readonly metadata: Metadata; readonly tree: ObjectTree }[] = [];
  const send: Fetch = async (url, init) => {
    const answer = await command.send(url.replace(first.origin, command.origin), init);
    if (url.endsWith('/pull-messages') && answer.ok) instructions.push(...instructionsIn(new Uint8Array(await answer.clone().arrayBuffer())));
    return answer;
  };
  const nodes = await Promise.all(keys.map((key, seat) => join(first.origin, task, taskHash, (round) => madeUpUpdate(start.model, seat, round), { key, send })));
  await until(command, ({ rounds: told }) => told.length >= 1);
  scene.check((await call('push-object', new Uint8Array(6_000_000), await signedHeaders(keys[0]!, new Date().toISOString()))) === 413, 'an oversize body is refused');
  const replay = await signedHeaders(keys[0]!, new Date().toISOString());
  scene.check((await call('pull-messages', new Uint8Array(0), replay)) !== 425 && (await call('pull-messages', new Uint8Array(0), replay)) === 425, 'a replayed signature is refused');
  const [given] = instructions;
  const liar = nodes.findIndex(({ nodeId }) => nodeId === given?.metadata.destinationNodeId);
  const lie = async (messageId: string, children: readonly ObjectTree[]) => call('push-messages', answerTo(given!.metadata, messageId, children), await signedHeaders(keys[liar]!, new Date().toISOString()));
  scene.check((await lie(given!.metadata.messageId, given!.tree.children)) === 400, 'an answer under the id of its own instruction is refused');
  scene.check((await lie('ab'.repeat(32), [{ objectId: emptyMetricsId, children: [{ objectId: 'cd'.repeat(32), children: [] }] }])) === 400, 'children under the object that all updates share are refused');
  const before = await command.status();
  scene.check(before.refused['used-invitation'] === 1 && before.refused['not-enrolled'] === 1 && before.refused['too-large'] === 1 && before.refused['replayed'] === 1 && before.refused['malformed'] === 2, `refusals are counted, found ${JSON.stringify(before.refused)}`);
  const [poisoned] = before.rounds;
  scene.check(poisoned?.isCounted === true && !poisoned.isKept && poisoned.accuracy!.correct < before.initialAccuracy!.correct / 2, `the poisoned round is rolled back, found ${JSON.stringify([poisoned, before.initialAccuracy])}`);
  scene.check(poisoned !== undefined && poisoned.seconds > 0 && poisoned.deviceSeconds >= poisoned.seconds && poisoned.deviceSeconds <= 3 * poisoned.seconds, `seconds of three devices, found ${JSON.stringify(poisoned)}`);

  scene.check((await command.interrupt()) === 0, 'Ctrl-C ends the command well');
  command = await startCommand(bin, args, state);
  scene.check(command.token('room') === first.token('room') && (await command.status()).participants.enrolled === 3, 'after a restart the seats are as they were');
  const after = await until(command, ({ state: at }) => at === 'finished');
  const kept = after.rounds.filter(({ isKept }) => isKept);
  scene.check(after.state === 'finished' && after.rounds.length === rounds && kept.length >= rounds - 2 && kept.every(({ accepted }) => accepted === 3), `four rounds, one rolled back, of which a restart costs one at most, found ${JSON.stringify(readHistory(joinPath(command.folder, 'out')).rounds)}`);
  scene.check(after.initialAccuracy?.correct === before.initialAccuracy?.correct && kept.every(({ accuracy }) => accuracy!.total === 300), 'each round is scored on the same notes');
  const charged = after.rounds.filter(({ isCounted }) => isCounted).length;
  // Each ends a bisection of its own.
  scene.check(Math.abs((after.central?.spent ?? 0) / gaussianEpsilon(Math.sqrt(charged) / CENTRAL, task.delta) - 1) < 1e-9 && after.central?.cohort === 3, `the server's noise is charged for ${charged} rounds, found ${JSON.stringify(after.central)}`);
  scene.check(nodes.every(({ node }) => node.record.rounds.every(({ outcome }) => outcome !== 'declined')), 'no node had reason to decline');
  const { release } = await receive(command, keys[0]!, kept.length);
  scene.check(release.version === kept.length && release.round === kept.at(-1)?.round, 'a member gets the newest release and finds it signed by the key of its task');
  const listed = readReleases((await (await command.send(`${command.origin}/federation/releases`, { method: 'GET' })).json()) as Readonly<Record<string, unknown>>);
  scene.check(listed.map(({ round }) => round).join() === [0, ...kept.map(({ round }) => round)].join(), 'each round that was kept is a release');
  for (const one of listed) await checkSignature({ task, taskHash, release: one, leastVersion: 0, verify: verifyRelease });
  scene.check((await Promise.all(nodes.map(({ node }) => node.leave()))).every(Boolean), 'every node left and the server was told');
  scene.check((await enrol(command, keys[0]!, String(seats[0]!['invitation']))) === 403, 'who has left does not come back by the same invitation');
  scene.check((await command.status()).participants.left === 3, 'the seats of those who left are closed');
  scene.check((await command.interrupt()) === 0, 'and Ctrl-C ends it again');
  const log = readFileSync(joinPath(command.folder, 'server.log'), 'utf8');
  scene.check(!log.includes(String(seats[0]!['invitation'])) && !log.includes(first.token('room')), 'no invitation is in the log');
  console.log(`through the command, stopped and started again in the middle: ${((Date.now() - startedMs) / 1000).toFixed(1)} s, ${after.rounds.map(({ isCounted, isKept }) => (isKept ? 'kept' : isCounted ? 'rolled back' : 'skipped')).join(', ')}`);
}

/** In an answer of `pull-messages`. */
function instructionsIn(answer: Uint8Array): readonly { readonly metadata: Metadata; readonly tree: ObjectTree }[] {
  const { messages: [message], trees: [tree] } = decode(endpoints.pullMessages.answer, answer, endpoints.pullMessages.maximumAnswerBytes);
  return message?.metadata && tree ? [{ metadata: message.metadata, tree }] : [];
}

/** The body of `push-messages` of the node that was instructed, its message of that id and tree. */
function answerTo(instruction: Metadata, messageId: string, children: readonly ObjectTree[]): Uint8Array<ArrayBuffer> {
  const nodeId = instruction.destinationNodeId;
  const metadata: Metadata = { ...instruction, messageId, sourceNodeId: nodeId, destinationNodeId: SUPERLINK, replyToMessageId: instruction.messageId };
  return encode(endpoints.pushMessages.request, { node: { nodeId }, messages: [{ metadata, content: {} }], trees: [{ objectId: messageId, children }], runtimesSeconds: [] });
}

/** At a server rate of 25: in the first round the model's opposite, later hardly anything, so that nothing but the gate decides. */
function madeUpUpdate(start: Float32Array, seat: number, round: number): Float32Array {
  return round === 1 ? start.map((value) => -value / 12.5) : start.map((_, index) => 1e-5 * Math.sin(index + 7 * round + 31 * seat));
}

/** The SuperLink is killed in the middle of a federation, whose devices stay. */
export async function superLinkDies(scene: Scene): Promise<void> {
  const { bin, folder } = scene;
  const { path } = await scene.taskOf('restart', 4);
  const startedMs = Date.now();
  const command = await startCommand(bin, ['--task', path, '--min-clients', '2', '--seats', '2', '--timeout', '60'], joinPath(folder, 'restart-state'));
  const { task, taskHash } = command;
  const nodes = await Promise.all([0, 1].map(async (seat) => {
    const key = await takeSeat(command);
    const updates = await Promise.all(Array.from({ length: task.rounds }, (_, index) => noisedUpdate(seat, index + 1)));
    return join(command.origin, task, taskHash, (round) => updates[round - 1]!, { key, send: command.send });
  }));
  await until(command, ({ rounds: told }) => told.length >= 1);
  const processes = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n').filter((line) => line.includes('flower-superlink') && line.includes(command.folder));
  scene.check(processes.length === 1, `one SuperLink, found ${processes.length}`);
  process.kill(Number.parseInt(processes[0]!, 10), 'SIGKILL');
  const { state, rounds } = await until(command, ({ state: at }) => at === 'finished');
  scene.check(state === 'finished' && rounds.length === task.rounds && rounds.filter(({ isCounted }) => isCounted).length >= task.rounds - 1, `all rounds but the one that was cut off count, found ${state} ${JSON.stringify(rounds)}`);
  scene.check(nodes.every(({ node }) => node.record.rounds.every(({ outcome }) => outcome !== 'declined')), 'no node had reason to decline');
  await Promise.all(nodes.map(({ node }) => node.leave()));
  scene.check((await command.interrupt()) === 0, 'Ctrl-C ends the command well');
  console.log(`SuperLink killed in the middle: ${((Date.now() - startedMs) / 1000).toFixed(1)} s, ${rounds.map(({ isCounted }) => (isCounted ? 'counted' : 'skipped')).join(', ')}`);
}
