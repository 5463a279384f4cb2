/** The ServerApp on a real SuperLink, with real nodes and lying ones, and no gate in between. */
import { join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSuperLink, type SuperLink } from '../../federation-server/coordinator/superlink.ts';
import type { Task } from '../../src/federation/task.ts';
import { readHistory } from './history.ts';
import { allBadness, harmless, joinHostile, type Badness } from './hostile.ts';
import { join, type Participant } from './participant.ts';
import { equalsReference } from './reference.ts';
import { COORDINATES, noisedUpdate, type Scene } from './scene.ts';

const ROUNDS = 3;
const LATE = 'no complete reply in time';
const latecomers: readonly Badness[] = ['silence', 'announces and sends nothing', 'goes away with its instruction', 'stores for others what all updates share'];
/** A round's hard end, which the latecomers make everybody wait for: at least a minute, and as long again as three whole rounds took on this machine as busy as it is. */
const LEAST_TIMEOUT_SECONDS = 60;
/** Where all answer nothing waits for it. */
const PATIENT_SECONDS = 300;

/** Three honest nodes for three rounds; then two among as many liars as there are lies, all at once. */
export async function onASuperLink(scene: Scene): Promise<void> {
  const superlink = await startSuperLink(scene.bin, joinPath(scene.folder, 'superlink'));
  try {
    const seconds = await threeNodes(scene, superlink);
    await hostileNodes(scene, superlink, 'hostile', allBadness, Math.max(LEAST_TIMEOUT_SECONDS, 2 * seconds));
  } finally {
    await superlink.stop();
  }
}

async function participants(superlink: SuperLink, task: Task, taskHash: string, count: number): Promise<readonly Participant[]> {
  return Promise.all(Array.from({ length: count }, async (_, seat) => {
    const updates = await Promise.all(Array.from({ length: task.rounds }, (_, index) => noisedUpdate(seat, index + 1)));
    return join(superlink.origin, task, taskHash, (round) => updates[round - 1]!);
  }));
}

/** Runs the ServerApp to its end, which must be a good one. */
async function completed(superlink: SuperLink, settings: Parameters<SuperLink['run']>[0]): Promise<void> {
  const status = await superlink.run(settings);
  if (status !== 'finished:completed') throw new Error(`The run did not complete (${status}).\n${superlink.log().slice(-12_000)}`);
}

async function untilOnline(nodes: readonly Participant[]): Promise<void> {
  for (let tries = 0; tries < 100 && nodes.some((one) => one.traffic.calls < 3); tries++) await sleep(200);
}

async function untilIdle(nodes: readonly Participant[]): Promise<void> {
  for (let tries = 0; tries < 100 && nodes.some(({ node }) => node.record.work !== null); tries++) await sleep(100);
}

/** Resolves to how long it took, in seconds. */
async function threeNodes(scene: Scene, superlink: SuperLink): Promise<number> {
  const { task, taskHash, path } = await scene.taskOf('three-nodes', ROUNDS);
  const nodes = await participants(superlink, task, taskHash, 3);
  await untilOnline(nodes);
  const out = joinPath(scene.folder, 'three-nodes');
  const startedMs = Date.now();
  await completed(superlink, { task: path, out, 'min-nodes': 3, 'min-replies': 3, 'timeout-s': PATIENT_SECONDS, 'poll-s': 0.5 });
  const seconds = (Date.now() - startedMs) / 1000;
  await untilIdle(nodes);
  const { rounds } = readHistory(out);
  scene.check(rounds.length === ROUNDS && rounds.every(({ isCounted, accepted, dropped }) => isCounted && Object.keys(accepted).length === 3 && Object.keys(dropped).length === 0), `three rounds of three updates, found ${JSON.stringify(rounds)}`);
  scene.check(nodes.every(({ node }) => node.record.rounds.map(({ outcome }) => outcome).join() === 'delivered,delivered,delivered'), 'every node says that three rounds were delivered');
  scene.check(nodes.every(({ node }) => node.record.rounds.every(({ clamps }) => clamps.length === 0)), 'nobody had to clamp anything');
  scene.check(equalsReference(scene, out, nodes, ROUNDS), 'the released model equals the NumPy reference, bit for bit');
  const [{ traffic }] = nodes as readonly [Participant];
  console.log(`three nodes, three rounds: ${seconds.toFixed(1)} s with start and end of the ServerApp; a node sent ${(traffic.sentBytes / ROUNDS / 1000).toFixed(1)} kB and received ${(traffic.receivedBytes / ROUNDS / 1000).toFixed(1)} kB a round in bodies, ${traffic.calls} calls with polls`);
  const told = await Promise.all(nodes.map(({ node }) => node.leave()));
  scene.check(told.every(Boolean), 'every node left and the server was told');
  scene.check((await Promise.all(nodes.map(({ driven }) => driven.ended))).every((error) => error === null), 'no node ended with an error');
  return seconds;
}

/** Two honest nodes among hostile ones; `timeoutSeconds` is waited for only where somebody never answers. */
async function hostileNodes(scene: Scene, superlink: SuperLink, name: string, kinds: readonly Badness[], timeoutSeconds: number): Promise<void> {
  const { task, taskHash, path } = await scene.taskOf(name, 1);
  const nodes = await participants(superlink, task, taskHash, 2);
  const hostile = await Promise.all(kinds.map((kind) => joinHostile(superlink.origin, kind, COORDINATES, { victim: () => nodes[0]!.nodeId })));
  await untilOnline(nodes);
  const out = joinPath(scene.folder, name);
  const startedMs = Date.now();
  await completed(superlink, { task: path, out, 'min-nodes': nodes.length + hostile.length, 'min-replies': 2, trim: 0, 'timeout-s': timeoutSeconds, 'poll-s': 0.5 });
  const seconds = (Date.now() - startedMs) / 1000;
  await Promise.all(hostile.map((one) => one.stop()));
  const [round] = readHistory(out).rounds;
  scene.check(round?.isCounted === true, `${name}: the round counts`);
  const counted = [...nodes, ...hostile.filter((_, index) => kinds[index]! in harmless)];
  scene.check(Object.keys(round?.accepted ?? {}).sort().join() === counted.map(({ nodeId }) => String(nodeId)).sort().join(), `${name}: the honest are accepted, and those whose lies count for nothing, each as itself, found ${JSON.stringify(round?.accepted)}`);
  const outcomes = nodes.map(({ node }) => node.record.rounds.map(({ outcome }) => outcome).join());
  scene.check(outcomes.every((outcome) => outcome === 'delivered'), `${name}: the honest nodes say so, found ${JSON.stringify(outcomes)}`);
  for (const [index, kind] of kinds.entries()) {
    if (kind in harmless) continue;
    const why = round?.dropped[String(hostile[index]!.nodeId)];
    scene.check(why !== undefined && (why !== LATE || latecomers.includes(kind)), `${kind} is dropped for what it is, found ${why ?? 'accepted'}`);
    console.log(`  ${kind}: ${why ?? 'not dropped'}`);
  }
  scene.check(hostile.every(({ wasSecondTaken }) => !wasSecondTaken), `${name}: no second reply is taken`);
  // An announced upload would hold flwr's own grid for three minutes beyond any timeout; the rest is start and end of the ServerApp.
  scene.check(seconds < timeoutSeconds + 150, `${name}: the round ends at its timeout of ${timeoutSeconds} s, took ${seconds.toFixed(1)} s`);
  scene.check(equalsReference(scene, out, counted, 1), `${name}: the released model is the mean of those, one vote each, bit for bit`);
  console.log(`${name}: two honest nodes and ${kinds.length} hostile ones, ${seconds.toFixed(1)} s`);
  await Promise.all(nodes.map(({ node }) => node.leave()));
}
