import { unzipSync } from 'fflate';
import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import { sharedEpsilon } from '../federation/agreement.ts';
import { refusal } from '../federation/testing/fake-coordinator.ts';
import { federationRunId } from './federation-source.ts';
import { openFederationStore } from './federation-store.ts';
import { trainingLockName } from './live-runs.ts';
import { listProjects, readDataset } from './projects.ts';
import { openFederationScene, roomLink, strangerLabel, type FederationScene } from './testing/federation-scene.ts';

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

describe('before joining', () => {
  it('reads the task and what it costs, and tells the server nothing', async () => {
    const { task, taskHash } = scene.coordinator;
    const offer = await federation().offer();
    expect(offer).toMatchObject({ taskHash, address: 'example.org', obstacle: null });
    expect(offer.figures.epsilonTotal).toBeCloseTo(sharedEpsilon(task, [4, 4, 4]), 12);
    expect(offer.figures.epsilonPerRound).toBeLessThan(offer.figures.epsilonTotal);
    expect(scene.coordinator.requests.every(({ method, body }) => method === 'GET' && body.length === 0)).toBe(true);
    expect(federation().sentBytes).toBe(0);
  });

  it('says how notes fit, and why not', async () => {
    const { taskHash } = scene.coordinator;
    const { projectId, seat } = await federation().openDealtNotes(roomLink);
    expect(seat).toBe(1);
    const fit = await federation().fit(projectId, taskHash);
    expect(fit).toMatchObject({ failure: null, roundsThatFit: 3 });
    expect(fit.rows + fit.heldOutRows).toBe(220);
    expect(fit.units).toBeLessThan(80);
    expect(fit.epsilonAfter).toBeCloseTo(sharedEpsilon(scene.coordinator.task, [4, 4, 4]), 9);
    await scene.here.guard.setBudget(projectId, sharedEpsilon(scene.coordinator.task, [4, 4]) * 1.001);
    expect((await federation().fit(projectId, taskHash)).roundsThatFit).toBe(2);

    scene.coordinator.faults = (name) => (name === 'task' ? new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }) : null);
    await expect(federation().offer()).rejects.toMatchObject({ code: 'federation/none-here' });
    await expect(federation().fit(projectId, taskHash)).rejects.toMatchObject({ code: 'federation/none-here' });
  });

  it('shows an update before and after noise: nothing is charged, nothing is sent', async () => {
    const { projectId } = await federation().openDealtNotes(roomLink);
    const sent = federation().sentBytes;
    const { edges, before, after, spreadBefore, spreadAfter, firstBytes } = await federation().preview(projectId, scene.coordinator.taskHash, new AbortController().signal);
    expect(edges).toHaveLength(before.length + 1);
    expect(after).toHaveLength(before.length);
    const total = scene.coordinator.task.coordinates;
    for (const bars of [before, after]) expect(bars.reduce((sum, bar) => sum + bar, 0)).toBeGreaterThan(0.98 * total);
    expect(spreadAfter).toBeGreaterThan(spreadBefore);
    expect(firstBytes).toHaveLength(64);
    expect(federation().sentBytes).toBe(sent);
    expect(await charges()).toEqual([]);
    expect(scene.coordinator.requests.filter(({ path }) => path.startsWith('/v1/'))).toEqual([]);
  });
});

describe('a seat before joining', () => {
  /** Whether this device has a key; asked of the database itself, because the store makes one. */
  const hasKey = async (): Promise<boolean> => {
    const database = await openDB(scene.here.federationName);
    const count = await database.count('keys');
    database.close();
    return count > 0;
  };
  const takeAsAnother = (invitation: string) => scene.coordinator.fetch('https://example.org/federation/enrol', { method: 'POST', headers: { 'flwr-public-key': 'another' }, body: utf8ToBytes(JSON.stringify({ invitation })) });
  const asked = () => scene.coordinator.requests.filter(({ method }) => method === 'POST').map(({ path }) => path.split('/').at(-1));
  const isSigned = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) => 'flwr-public-key' in headers;

  it('of an invitation is told without a key: none is made, and the seat stays free', async () => {
    const { seat, invitation } = await federation().openDealtNotes({ kind: 'seat', token: 'seat-3' });
    expect([seat, invitation, asked()]).toEqual([3, 'seat-3', ['deal']]);
    expect(scene.coordinator.requests.some(isSigned)).toBe(false);
    expect(await hasKey()).toBe(false);
    expect((await federation().offer()).status.participants.enrolled).toBe(0);
  });

  it('that the room dealt is the same one after a reload, also for who joins by the room then; once used, another', async () => {
    const { projectId } = await federation().openDealtNotes(roomLink);
    for (let reload = 0; reload < 6; reload++) {
      await scene.here.reload();
      expect(await federation().openDealtNotes(roomLink)).toMatchObject({ projectId, seat: 1 });
    }
    await scene.here.reload();
    await scene.watch();
    await federation().join(projectId, scene.coordinator.taskHash, roomLink, 10);
    expect(await scene.until(({ phase }) => phase === 'waiting')).toMatchObject({ seat: 1 });
    await expect(federation().openDealtNotes(roomLink)).rejects.toMatchObject({ code: 'federation/already-member' });
    await federation().leave();
    await scene.until(({ phase }) => phase === 'left');
    const store = await openFederationStore(scene.here.federationName);
    expect(await store.dealtInvitation(roomLink.token)).toBeNull();
    store.close();
    expect((await federation().openDealtNotes(roomLink)).seat).toBe(2);
  });

  it('that somebody else took meanwhile is refused at joining; the room deals another then, and no key is left behind', async () => {
    const { projectId, invitation } = await federation().openDealtNotes(roomLink);
    await takeAsAnother(invitation);
    await expect(federation().join(projectId, scene.coordinator.taskHash, { kind: 'seat', token: invitation }, 10)).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'used-invitation' } });
    expect(await hasKey()).toBe(false);
    const again = await federation().openDealtNotes(roomLink);
    expect(again.seat).toBe(2);
    await scene.watch();
    await federation().join(again.projectId, scene.coordinator.taskHash, { kind: 'seat', token: again.invitation }, 10);
    expect(await scene.until(({ phase }) => phase === 'waiting')).toMatchObject({ seat: 2 });
  });

  it('that somebody else took before a reload is asked about, and another is dealt', async () => {
    const { invitation } = await federation().openDealtNotes(roomLink);
    await takeAsAnother(invitation);
    await scene.here.reload();
    scene.coordinator.faults = (name) => (name === 'deal' ? refusal(403, 'sign in first') : null);
    await expect(federation().openDealtNotes(roomLink)).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'unknown' } });
    scene.coordinator.faults = () => null;
    expect((await federation().openDealtNotes(roomLink)).seat).toBe(2);
  });

  it('that was taken though a proxy answered with a refusal of its own is there for the same key when joining is tried again', async () => {
    const { projectId, invitation } = await federation().openDealtNotes({ kind: 'seat', token: 'seat-4' });
    const { fetch } = scene.coordinator;
    let isInBetween = true;
    scene.coordinator.faults = (name) => {
      if (name !== 'enrol' || !isInBetween) return null;
      // Taken, by the key of this very call; then the answer comes as something else.
      isInBetween = false;
      const { headers, body } = scene.coordinator.requests.at(-1)!;
      void fetch('https://example.org/federation/enrol', { method: 'POST', headers, body: Uint8Array.from(body) });
      return refusal(403, 'sign in first');
    };
    await expect(federation().join(projectId, scene.coordinator.taskHash, { kind: 'seat', token: invitation }, 10)).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'unknown' } });
    await scene.watch();
    expect(scene.told.at(-1)).toBeNull();
    await federation().join(projectId, scene.coordinator.taskHash, { kind: 'seat', token: invitation }, 10);
    expect(await scene.until(({ phase }) => phase === 'waiting')).toMatchObject({ seat: 4 });
  });
});

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
    const files = unzipSync(new Uint8Array(await (await scene.here.guard.exportModel(projectId, received.runId)).arrayBuffer()));
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
    // The guard of before ends what it was doing.
    await expect.poll(async () => (await navigator.locks.query()).held?.some(({ name }) => name === 'bedside-federation')).toBe(false);
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

describe('joining', () => {
  const join = async (link = roomLink) => federation().join((await federation().openDealtNotes(roomLink)).projectId, scene.coordinator.taskHash, link, 10);

  it('is undone where the invitation is refused', async () => {
    await expect(join({ kind: 'seat', token: 'made-up' })).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'unknown-invitation' } });
    await scene.watch();
    expect(scene.told).toEqual([null]);
    await expect(join({ kind: 'projector', token: 'any' })).rejects.toMatchObject({ code: 'federation/no-seat-link' });
    await join();
  });

  it('waits for the network, with the seat it was dealt, also after a reload', async () => {
    let isLost = true;
    scene.coordinator.faults = (name) => (name === 'enrol' && isLost ? 'lose-answer' : null);
    await join();
    await scene.watch();
    expect(await scene.until(({ phase }) => phase === 'joining')).toMatchObject({ seat: 1 });
    await scene.here.reload();
    isLost = false;
    await scene.watch();
    expect(await scene.until(({ phase }) => phase === 'waiting')).toMatchObject({ seat: 1, seats: 5 });
  });

  it('can be taken back though no answer came: the seat is named by its invitation then, also after a reload, and asked for no more', async () => {
    const { coordinator } = scene;
    coordinator.faults = (name) => (name === 'enrol' ? 'lose-answer' : name === 'leave' ? 'lose-request' : null);
    await join({ kind: 'seat', token: 'seat-4' });
    expect(await federation().leave()).toBe(false);
    coordinator.faults = () => null;
    await scene.here.reload();
    const asked = coordinator.requests.length;
    await scene.watch();
    await scene.until(({ phase, wasServerTold }) => phase === 'left' && wasServerTold === true);
    const named = coordinator.requests.slice(asked).filter(({ method, path }) => method === 'POST' && path.startsWith('/federation/')).map(({ path, body }) => [path, bytesToUtf8(body)]);
    expect(named).toEqual([['/federation/leave', '{"invitation":"seat-4"}']]);
  });

  it('that was being taken back when the page was closed asks for nothing afterwards: no seat, no model, no status', async () => {
    const { coordinator, here } = scene;
    const { task, taskHash } = coordinator;
    const { projectId } = await federation().openDealtNotes(roomLink);
    // As it is kept between the first word of leaving and the last, of somebody whose seat was never answered.
    const store = await openFederationStore(here.federationName);
    await store.saveMembership({ version: 1, task, taskHash, projectId, epsilonLimit: 10, link: { kind: 'seat', token: 'seat-4' }, seat: null, seats: null, ended: null, models: [], first: null });
    await store.save({ version: 1, taskHash, membership: { state: 'leaving', nodeId: null }, rounds: [], work: null });
    store.close();
    const asked = coordinator.requests.length;
    await here.reload();
    await scene.watch();
    await scene.until(({ phase, wasServerTold }) => phase === 'left' && wasServerTold === true);
    expect(coordinator.requests.slice(asked).map(({ path }) => path)).toEqual(['/federation/leave']);
  });

  it('is refused for another task than was read, and where every seat is taken', async () => {
    const { projectId } = await federation().openDealtNotes(roomLink);
    await expect(federation().join(projectId, 'ab'.repeat(32), roomLink, 10)).rejects.toMatchObject({ code: 'federation/task-changed' });
    scene.coordinator.faults = (name) => (name === 'deal' ? refusal(409, 'no-seat-left') : null);
    await expect(federation().join(projectId, scene.coordinator.taskHash, roomLink, 10)).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'no-seat-left' } });
  });
});

describe('the list of what left', () => {
  const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  /** What went over the wire with a body, told by the other side. */
  const gone = async () => {
    const counts = new Map<string, { times: number; bytes: number }>();
    for (const { path, body } of scene.coordinator.requests) {
      if (body.length === 0) continue;
      const key = `${path.split('/').at(-1)} ${hex(await crypto.subtle.digest('SHA-256', Uint8Array.from(body)))}`;
      counts.set(key, { times: (counts.get(key)?.times ?? 0) + 1, bytes: body.length });
    }
    return counts;
  };
  const sameAsGone = async () => {
    const lines = await federation().sent();
    expect(Object.fromEntries(lines.map(({ endpoint, sha256, times, bytes }) => [`${endpoint} ${sha256}`, { times, bytes }]))).toEqual(Object.fromEntries(await gone()));
    return lines;
  };

  it('is each body of each call, by hash, length and number, from the first that asks for a seat to the last that leaves; also after a reload', async () => {
    await scene.join();
    await scene.round(1);
    await scene.here.reload();
    await scene.watch();
    await scene.until(({ phase }) => phase === 'waiting');
    await scene.round(2);
    await federation().leave();
    const { sentBytes } = await scene.until(({ phase }) => phase === 'left');
    const lines = await sameAsGone();
    for (const endpoint of ['deal', 'enrol', 'register-node', 'activate-node', 'pull-messages', 'pull-object', 'confirm-message-received', 'push-messages', 'push-object']) expect(lines.map((line) => line.endpoint)).toContain(endpoint);
    // Polls are the same every time: one line.
    expect(lines.filter(({ endpoint }) => endpoint === 'pull-messages')).toHaveLength(1);
    expect(sentBytes).toBe(scene.coordinator.requests.reduce((sum, { body }) => sum + body.length, 0));
    await scene.here.reload();
    expect(await federation().sent()).toEqual(lines);
  });

  it('has what was lost on the way as well: it may have arrived', async () => {
    let lost = 0;
    scene.coordinator.link.faults = (name) => (name === 'push-messages' && lost++ === 0 ? 'lose-request' : null);
    await scene.join();
    await scene.round(1);
    const [pushed] = (await sameAsGone()).filter(({ endpoint }) => endpoint === 'push-messages');
    expect(pushed).toMatchObject({ times: 2 });
  });
});

describe('the count of what came', () => {
  /** Until so many answers more were counted that some of them came after anything else was saved. */
  const grown = async () => {
    const before = scene.told.at(-1)!.receivedBytes;
    await scene.until(({ receivedBytes }) => receivedBytes > before + 5000);
  };

  it('never falls, neither by a reload nor by leaving after the end', async () => {
    await scene.join();
    await grown();
    await scene.here.reload();
    await scene.watch();
    await scene.until(({ phase }) => phase === 'waiting');
    await grown();
    scene.coordinator.state = 'finished';
    await scene.until(({ phase }) => phase === 'ended');
    await grown();
    await federation().leave();
    await scene.until(({ phase }) => phase === 'left');
    const counts = scene.told.map((membership) => membership?.receivedBytes ?? 0);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });
});

describe('a model that comes back', () => {
  it.each<readonly [string, string, () => Promise<void>]>([
    ['of another hash', 'hash', async () => scene.coordinator.release(1, 1, scene.model(2), {}, new Uint8Array(new Float32Array(scene.coordinator.task.coordinates + 32).buffer))],
    ['signed by nobody', 'signature', async () => scene.coordinator.release(1, 1, scene.model(2), { round: 2 })],
    ['with a number that is none', 'numbers', async () => scene.coordinator.release(1, 1, scene.model(2).fill(NaN, 3, 4))],
  ])('%s is refused and thrown away', async (_, what, serve) => {
    const projectId = await scene.join();
    await serve();
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what } });
    expect(scene.told.at(-1)!.models).toEqual([]);
    expect(await scene.here.guard.resumeEpsilons(projectId)).toEqual({});
  });

  it('older than one that came before is refused', async () => {
    await scene.join();
    await scene.coordinator.release(2, 2, scene.model(2));
    await federation().receive();
    await scene.coordinator.release(1, 1, scene.model(3));
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what: 'version' } });
  });

  it('older than what there was at the seat, or another of a version that came before, is refused', async () => {
    await scene.coordinator.release(2, 2, scene.model(2));
    await scene.join();
    const store = await openFederationStore(scene.here.federationName);
    await expect.poll(async () => (await store.membership())?.first?.version).toBe(2);
    store.close();
    await scene.coordinator.release(1, 1, scene.model(3));
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what: 'version' } });
    await scene.coordinator.release(3, 3, scene.model(2));
    await federation().receive();
    await scene.coordinator.release(3, 3, scene.model(3));
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what: 'hash' } });
    await scene.until(({ models }) => models.length === 1 && models[0]!.version === 3);
  });

  it('and is worse on the own held-out notes gives way to the one before', async () => {
    const { labels, coordinates } = scene.coordinator.task;
    const inputs = coordinates / labels.length;
    const { projectId, invitation } = await federation().openDealtNotes(roomLink);
    const { notes } = await readDataset(scene.here.database, projectId);
    const counts = labels.map((label) => notes.filter((note) => note.label === label).length);
    /** Says the same of every note. */
    const always = (label: number) => Float32Array.from({ length: coordinates }, (_, i) => (i % inputs === inputs - 1 && Math.floor(i / inputs) === label ? 100 : 0));
    await scene.coordinator.release(0, 0, always(counts.indexOf(Math.max(...counts))));
    await scene.watch();
    await federation().join(projectId, scene.coordinator.taskHash, { kind: 'seat', token: invitation }, 10);
    await expect.poll(() => scene.coordinator.requests.filter(({ path }) => path === '/federation/model').length).toBe(1);
    await scene.coordinator.release(1, 1, always(labels.indexOf(strangerLabel)));
    const received = await federation().receive();
    expect(received.accuracy.count).toBe(0);
    expect(received.accuracyBefore!.count).toBeGreaterThan(0);
    expect(received.isKept).toBe(false);
    const kept = await scene.here.guard.results(projectId, received.runId);
    expect(kept.run).toMatchObject({ accuracy: received.accuracyBefore, pooled: { version: 0, rounds: 0 } });
  });
});
