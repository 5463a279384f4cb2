import { unzipSync } from 'fflate';
import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesToUtf8 } from '../ground/bytes.ts';
import { sharedEpsilon } from '../federation/agreement.ts';
import { federationLockName } from './federation-lock.ts';
import { federationRunId } from './federation-source.ts';
import { openFederationStore } from './federation-store.ts';
import { trainingLockName } from './live-runs.ts';
import { listProjects, readDataset } from './projects.ts';
import { openFederationScene, roomLink, type FederationScene } from './testing/federation-scene.ts';

let scene: FederationScene;
beforeEach(async () => {
  scene = await openFederationScene();
});
afterEach(() => scene.close());

const federation = () => scene.here.guard.federation;
const charges = async () => (await scene.here.guard.ledger()).entries.flatMap(({ event }) => (event.kind === 'charge' ? [event] : []));
/** Latin letters of everything that went out, headers and addresses included. */
const everythingSent = () => scene.coordinator.requests.map(({ method, path, headers, body }) => [method, path, JSON.stringify(headers), String.fromCharCode(...body)].join('\n')).join('\n').toLowerCase();

/** Holds the training lock, as a run does. */
async function holdTrainers(): Promise<() => void> {
  let release: () => void = () => undefined;
  await new Promise<void>((held) => {
    void navigator.locks.request(trainingLockName, () => {
      held();
      return new Promise<void>((resolve) => (release = resolve));
    });
  });
  return release;
}

describe('a member', () => {
  it('takes a seat, answers rounds, lists what it sent, gets a model back that is used like any other, and leaves', async () => {
    const { link, task, taskHash } = scene.coordinator;
    await scene.coordinator.release(0, 0, scene.model(1));
    const projectId = await scene.join();
    expect(scene.told.at(-1)).toMatchObject({ seat: 1, seats: 5, epsilonSpent: 0, rounds: [] });
    const first = await scene.round(1);
    expect(first.rounds).toHaveLength(1);
    expect(first.rounds[0]).toMatchObject({ round: 1, outcome: 'delivered', reason: null, clamps: [] });
    expect(first.epsilonSpent).toBeCloseTo(sharedEpsilon(task, [4]), 12);
    const { low, central, high } = first.rounds[0]!.energyWh!;
    expect(0 < low && low < central && central < high).toBe(true);
    expect(first.energyWh).toEqual(first.rounds[0]!.energyWh);
    expect(first.carbonGrams.central).toBeGreaterThan(0);
    expect((await charges()).map(({ runId, step, mechanism }) => [runId, step, mechanism.noiseMultiplier])).toEqual([[federationRunId(taskHash), 1, 4]]);
    // What the list says is what the server got: every object, by hash and length.
    const got = [...link.replies[0]!.contents].map(([id, content]) => [id, content.length]).sort();
    expect(first.rounds[0]!.sent.map(({ sha256, bytes }) => [sha256, bytes]).sort()).toEqual(got);
    expect(first.rounds[0]!.sent.map(({ what }) => what).sort()).toEqual(['Array', 'ArrayChunk', 'ArrayRecord', 'Message', 'MetricRecord', 'RecordDict']);
    expect(first.sentBytes).toBeGreaterThan(got.reduce((sum, [, bytes]) => sum + Number(bytes), 0));
    expect(federation().sentBytes).toBeGreaterThanOrEqual(first.sentBytes);
    await scene.round(2);
    expect(await charges()).toHaveLength(2);

    await scene.coordinator.release(1, 2, scene.model(1).map((value) => value * 1.0001));
    const received = await federation().receive();
    expect(received).toMatchObject({ version: 1, round: 2, isKept: true });
    expect(received.accuracyBefore!.total).toBe(received.accuracy.total);
    expect(received.accuracy.total).toBeGreaterThan(10);
    expect(await federation().receive()).toEqual(received);
    const results = await scene.here.guard.results(projectId, received.runId);
    expect(results.run).toMatchObject({ state: 'finished', stepsDone: 2, accuracy: received.accuracy, pooled: { federation: 'Specialties', rounds: 2, ownRounds: 2, version: 1 } });
    if (!results.statement.isPrivate) throw new Error('expected a private one');
    expect(results.statement.epsilon).toBeCloseTo(sharedEpsilon(task, [4, 4]), 9);
    expect((await scene.here.guard.classify(projectId, received.runId, 'chest pain on exertion')).probabilities).toHaveLength(task.labels.length);
    const files = unzipSync(new Uint8Array(await (await scene.here.guard.exportModel(projectId, received.runId)).value.arrayBuffer()));
    expect(bytesToUtf8(files['bedside-model/README.md']!)).toContain('Pooled over 2 rounds');

    await expect(federation().checkMayDelete(projectId)).rejects.toMatchObject({ code: 'federation/project-takes-part' });
    expect(await federation().leave()).toBe(true);
    await scene.until(({ phase, wasServerTold }) => phase === 'left' && wasServerTold === true);
    expect(scene.coordinator.requests.filter(({ path }) => path !== '/federation/status').at(-1)?.path).toBe('/federation/leave');
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/left' });
    await federation().checkMayDelete(projectId);

    // Nothing of the notes, of the persons or of the labels that these notes happen to have.
    const sent = everythingSent();
    const { notes } = await readDataset(scene.here.database, projectId);
    for (const { text, person } of notes) {
      expect(sent).not.toContain(text.toLowerCase());
      for (const word of text.toLowerCase().match(/[a-z]{6,}/g) ?? []) if (!/signature|application|protobuf|federation|invitation/.test(word)) expect(sent).not.toContain(word);
      expect(sent).not.toContain(person!.toLowerCase());
    }
  });

  it('answers rounds again after a reload, and trains a round that was cut off no second time', async () => {
    await scene.join();
    const release = await holdTrainers();
    await scene.ask(1);
    expect(await scene.until(({ failure }) => failure?.code === 'federation/round-waits')).toMatchObject({ phase: 'waiting' });
    await scene.here.reload();
    await scene.watch();
    await scene.until(({ rounds }) => rounds.at(-1)?.reason === 'federation/interrupted-round' && rounds.at(-1)?.outcome === 'declined');
    release();
    expect(await charges()).toEqual([]);
    expect((await scene.round(2)).rounds.at(-1)).toMatchObject({ round: 2, outcome: 'delivered' });
    expect((await charges()).map(({ step }) => step)).toEqual([2]);
  });

  it('lets a round wait for a run, and trains it afterwards', async () => {
    const projectId = await scene.join();
    await scene.round(1);
    const release = await holdTrainers();
    await scene.ask(2);
    await scene.until(({ failure }) => failure?.code === 'federation/round-waits');
    await expect(federation().preview(projectId, scene.coordinator.taskHash, new AbortController().signal)).rejects.toMatchObject({ code: 'storage/other-tab' });
    release();
    await scene.until(({ rounds, phase }) => phase === 'waiting' && rounds.at(-1)?.round === 2 && rounds.at(-1)?.outcome === 'delivered');
    expect((await charges()).map(({ step }) => step)).toEqual([1, 2]);
  });

  it('says why a round was missed that had to wait for a run: nothing was charged', async () => {
    await scene.join();
    const release = await holdTrainers();
    await scene.ask(1, {}, 4);
    await scene.until(({ failure }) => failure?.code === 'federation/round-waits');
    await new Promise((resolve) => setTimeout(resolve, 4500));
    release();
    await scene.until(({ rounds }) => rounds.at(-1)?.outcome === 'expired' || rounds.at(-1)?.outcome === 'declined');
    expect(await charges()).toEqual([]);
    expect((await scene.round(2)).rounds.at(-1)).toMatchObject({ outcome: 'delivered' });
  });

  it('leaves in the middle of a round: nothing is charged or sent, and the key is gone', async () => {
    await scene.join();
    const release = await holdTrainers();
    await scene.ask(1);
    await scene.until(({ failure }) => failure?.code === 'federation/round-waits');
    expect(await federation().leave()).toBe(true);
    release();
    await scene.until(({ phase }) => phase === 'left');
    expect(scene.coordinator.link.replies).toEqual([]);
    expect(await charges()).toEqual([]);
  });

  it('leaves though the server is away: nothing more is sent, the key waits to say so after a reload, and what was joined by can be used by nobody', async () => {
    const { coordinator } = scene;
    await scene.join();
    coordinator.faults = (name) => (name === 'leave' ? 'lose-request' : null);
    expect(await federation().leave()).toBe(false);
    await scene.until(({ phase }) => phase === 'leaving');
    await scene.ask(1);
    await scene.here.reload();
    await scene.watch();
    await scene.until(({ phase, failure }) => phase === 'leaving' && failure?.code === 'federation/unreachable');
    expect(coordinator.link.replies).toEqual([]);
    expect(await charges()).toEqual([]);
    coordinator.faults = () => null;
    await scene.until(({ phase, wasServerTold }) => phase === 'left' && wasServerTold === true);
    const store = await openFederationStore(scene.here.federationName);
    expect((await store.load())?.membership).toEqual({ state: 'left', wasServerTold: true });
    store.close();
  });

  it('erases the key at once where the server is away and the person does not want to wait; then the notes may be deleted and another seat be taken', async () => {
    const projectId = await scene.join();
    scene.coordinator.faults = (name) => (name === 'leave' ? 'lose-request' : null);
    expect(await federation().leave()).toBe(false);
    await federation().checkMayDelete(projectId);
    await federation().destroyKey();
    await scene.until(({ phase, wasServerTold }) => phase === 'left' && wasServerTold === false);
    const asked = scene.coordinator.requests.filter(({ path }) => path === '/federation/leave').length;
    await scene.here.reload();
    scene.told.length = 0;
    await scene.watch();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(scene.coordinator.requests.filter(({ path }) => path === '/federation/leave')).toHaveLength(asked);
    expect((await federation().openDealtNotes(roomLink)).seat).toBe(2);
  });

  it('that comes again is told beforehand that other notes would be declined', async () => {
    const { taskHash } = scene.coordinator;
    const first = await scene.join();
    await scene.round(1);
    await federation().leave();
    await scene.until(({ phase }) => phase === 'left');
    const { projectId: other } = await federation().openDealtNotes(roomLink);
    expect(other).not.toBe(first);
    expect((await federation().fit(other, taskHash)).failure).toMatchObject({ code: 'federation/other-notes' });
    await expect(federation().join(other, taskHash, roomLink, 10)).rejects.toMatchObject({ code: 'federation/other-notes' });
    expect(await federation().fit(first, taskHash)).toMatchObject({ failure: null, roundsThatFit: 2 });
  });

  it('acts in one tab: the second says so, and takes over when the first is gone', async () => {
    const projectId = await scene.join();
    const second = await scene.here.second();
    const told: string[] = [];
    await second.guard.federation.watch('other', (membership) => told.push(`${membership?.phase} ${membership?.failure?.code}`));
    expect(told.at(-1)).toBe('waiting federation/another-tab');
    await expect(second.guard.federation.join(projectId, scene.coordinator.taskHash, roomLink, 10)).rejects.toMatchObject({ code: 'federation/already-member' });
    await expect(second.guard.federation.leave()).rejects.toMatchObject({ code: 'federation/another-tab' });
    await scene.coordinator.release(1, 1, scene.model(2));
    await expect(second.guard.federation.receive()).rejects.toMatchObject({ code: 'federation/another-tab' });
    federation().close();
    await expect.poll(() => told.at(-1)).toBe('waiting undefined');
    second.close();
  });

  it('holds the server to what was agreed, and lists what it asked for', async () => {
    await scene.join();
    const { rounds } = await scene.round(1, { 'noise-multiplier': { double: 0.5 }, 'clip-norm': { double: 30 } });
    expect(rounds[0]!.clamps).toEqual([{ term: 'clip norm', agreed: 0.3, asked: 30 }, { term: 'noise multiplier', agreed: 4, asked: 0.5 }]);
    expect((await charges()).map(({ mechanism }) => mechanism.noiseMultiplier)).toEqual([4]);
  });

  it.each(['the limit that was agreed', 'the budget of the notes'])('ends by %s, and says so; the key stays for the model', async (which) => {
    const { task } = scene.coordinator;
    const isAgreed = which === 'the limit that was agreed';
    const projectId = await scene.join(isAgreed ? sharedEpsilon(task, [4]) * 1.01 : 100);
    await scene.round(1);
    if (!isAgreed) await scene.here.guard.setBudget(projectId, sharedEpsilon(task, [4]) * 1.01);
    await scene.ask(2);
    const ended = await scene.until(({ phase }) => phase === 'ended');
    expect(ended.failure?.code).toBe(isAgreed ? 'federation/over-budget' : 'training/federated-budget');
    expect(await charges()).toHaveLength(1);
    await expect.poll(() => scene.coordinator.link.calls.at(-1)).toBe('deactivate-node');
    await scene.here.reload();
    scene.told.length = 0;
    await scene.watch();
    expect(scene.told.at(-1)).toMatchObject({ phase: 'ended', failure: { code: ended.failure!.code } });
    await scene.coordinator.release(1, 1, scene.model(2));
    expect(await federation().receive()).toMatchObject({ isKept: true });
    expect(await federation().leave()).toBe(true);
  });

  it('holds the limit that was agreed to the ledger, also where the record of the node was erased', async () => {
    const { task } = scene.coordinator;
    await scene.join();
    await scene.round(1);
    await federation().leave();
    await scene.until(({ phase }) => phase === 'left');
    // The member saves once more at its end.
    await navigator.locks.request(federationLockName, () => undefined);
    const database = await openDB(scene.here.federationName);
    await database.clear('nodes');
    await database.clear('memberships');
    database.close();
    await scene.here.reload();
    scene.told.length = 0;
    const before = scene.coordinator.link.replies.length;
    const store = await openFederationStore(scene.here.federationName);
    expect(await store.load()).toBeNull();
    store.close();
    const dealt = (await listProjects(scene.here.database))[0]!.record.id;
    await scene.watch();
    await federation().join(dealt, scene.coordinator.taskHash, { kind: 'seat', token: 'seat-4' }, sharedEpsilon(task, [4]) * 1.01);
    await scene.until(({ phase }) => phase === 'waiting');
    await scene.ask(2);
    const ended = await scene.until(({ phase }) => phase === 'ended');
    expect(ended.failure).toMatchObject({ code: 'federation/over-budget', values: { epsilon: sharedEpsilon(task, [4, 4]) } });
    expect(await charges()).toHaveLength(1);
    expect(scene.coordinator.link.replies.slice(before).every(({ error }) => error === 'federation/over-budget')).toBe(true);
  });

  it('does not end because another task of the same coordinator has finished', async () => {
    await scene.join();
    await scene.coordinator.changeTask({ name: 'Another' });
    scene.coordinator.state = 'finished';
    const asked = () => scene.coordinator.requests.filter(({ path }) => path === '/federation/status').length;
    const before = asked();
    await expect.poll(asked).toBeGreaterThan(before + 2);
    const last = scene.told.at(-1)!;
    // One of its own task may have come before.
    expect([last.phase, last.status?.state ?? 'waiting']).toEqual(['waiting', 'waiting']);
  });

  it('hears that the network is back, and looks at once, however long it would have waited', async () => {
    await scene.close();
    scene = await openFederationScene({}, 3_600_000);
    await scene.join();
    const looks = () => scene.coordinator.requests.filter(({ path }) => path.endsWith('/pull-messages')).length;
    await expect.poll(looks).toBe(1);
    await scene.ask(1);
    await expect.poll(() => {
      dispatchEvent(new Event('online'));
      return looks();
    }).toBeGreaterThan(1);
    await scene.until(({ rounds }) => rounds.at(-1)?.outcome === 'delivered');
  });

  it('that a fault has stopped is over in this page alone, says so, and goes on after a reload', async () => {
    await scene.join();
    const { link } = scene.coordinator;
    link.faults = (name) => (name === 'pull-messages' ? new Response(null, { status: 401 }) : null);
    expect(await scene.until(({ phase }) => phase === 'ended')).toMatchObject({ isHalted: true, failure: { code: 'federation/not-authorised' } });
    link.faults = () => null;
    await scene.here.reload();
    await scene.watch();
    expect(await scene.until(({ phase }) => phase === 'waiting')).toMatchObject({ isHalted: false, failure: null });
    expect(await scene.round(1)).toMatchObject({ rounds: [{ outcome: 'delivered' }] });
  });

  it('ends when the federation has finished', async () => {
    await scene.join();
    scene.coordinator.state = 'finished';
    const { projectId, taskHash } = await scene.until(({ phase }) => phase === 'ended');
    expect(scene.told.at(-1)).toMatchObject({ failure: null, isHalted: false });
    // Nobody else is offered a seat, and a device that kept its own gets no second.
    expect((await federation().offer()).obstacle).toBe('all-rounds-done');
    await expect(federation().join(projectId, taskHash, roomLink, 10)).rejects.toMatchObject({ code: 'federation/already-member' });
  });
});
