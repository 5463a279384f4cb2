import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import { sharedEpsilon } from '../federation/agreement.ts';
import { refusal } from '../federation/testing/fake-coordinator.ts';
import { openFederationStore } from './federation-store.ts';
import { openFederationScene, roomLink, type FederationScene } from './testing/federation-scene.ts';

let scene: FederationScene;
beforeEach(async () => {
  scene = await openFederationScene();
});
afterEach(() => scene.close());

const federation = () => scene.here.guard.federation;
const charges = async () => (await scene.here.guard.ledger()).entries.flatMap(({ event }) => (event.kind === 'charge' ? [event] : []));

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
