import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Departures } from './departures.ts';
import { PolicyLog } from './policy-log.ts';
import { Seats } from './seats.ts';
import { superLinkNodes, UNREGISTERED, type RegisteredNode } from './superlink-nodes.ts';
import { makeKey, Scene, secret, type TestKey } from './testing/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.start();
});
afterEach(() => scene.stop());

const leave = (key: TestKey, seat = 1, change: Readonly<Record<string, string>> = {}) => scene.signed(key, 'leave', { seat: String(seat) }, change);
const later = () => { scene.nowMs += 1000; };
const seated = async (nodeId: bigint): Promise<TestKey> => {
  const key = await scene.member();
  scene.registered.set(nodeId, { pem: key.pem, status: 'online' });
  return key;
};

describe('a member that leaves', () => {
  it('has its seat closed for ever and its node taken off the SuperLink, and those of others are left alone', async () => {
    const [key, other] = [await seated(2n ** 63n + 5n), await seated(7n)];
    const answer = await leave(key);
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([200, { hasLeft: true }]);
    expect(scene.saved.at(-1)!.seats.map(({ hasLeft }) => hasLeft)).toEqual([true, false, false]);
    await expect.poll(() => scene.registered.get(2n ** 63n + 5n)!.status).toBe(UNREGISTERED);
    expect(scene.registered.get(7n)!.status).toBe('online');
    later();
    expect((await scene.fleet('pull-messages', key)).reason).toBe('has-left');
    expect((await scene.fleet('pull-messages', other)).status).toBe(200);
  });

  it('may say so again: the same answer, and nothing is written a second time', async () => {
    const key = await seated(5n);
    await leave(key);
    const saves = scene.saved.length;
    later();
    expect((await leave(key)).status).toBe(200);
    expect(scene.saved).toHaveLength(saves);
  });

  it('has left though the SuperLink does not answer', async () => {
    const key = await seated(5n);
    scene.upstreamStatus = null;
    expect((await leave(key)).status).toBe(200);
    later();
    expect((await scene.fleet('pull-messages', key)).reason).toBe('has-left');
    expect(scene.registered.get(5n)!.status).toBe('online');
  });

  it('may name its seat by the invitation, where the number never came', async () => {
    const key = await seated(5n);
    expect((await scene.signed(key, 'leave', { invitation: scene.seats.invitation(0) })).status).toBe(200);
    expect(scene.seats.counts().left).toBe(1);
  });

  it('is heard only under its own signature, of its own seat, once, and in a body as the address takes it', async () => {
    const [key, other] = [await seated(5n), await seated(6n)];
    const body = { seat: '1' };
    const first = key.callHeaders(scene.nowMs, 'POST /federation/leave', JSON.stringify(body));
    expect((await leave(makeKey())).reason).toBe('not-enrolled');
    expect((await leave(key, 1, { 'flwr-signature': other.callHeaders(scene.nowMs, 'POST /federation/leave', JSON.stringify(body))['flwr-signature']! })).reason).toBe('not-signed');
    for (const seat of [0, 2]) expect((await leave(key, seat)).reason).toBe('second-invitation');
    expect((await scene.signed(key, 'leave', { invitation: scene.seats.invitation(1) })).reason).toBe('second-invitation');
    for (const malformed of [{}, { seat: 1 }, { seat: '1', invitation: scene.seats.invitation(0) }]) expect((await scene.signed(key, 'leave', malformed)).reason).toBe('malformed');
    expect((await scene.call('POST', '/federation/leave', { 'content-type': 'text/plain', ...first }, '{}')).reason).toBe('wrong-type');
    expect((await scene.call('GET', '/federation/leave')).reason).toBe('wrong-method');
    for (const { keyHash } of [key, other]) scene.seats.checkMember(keyHash);
    expect((await scene.post('leave', body, first)).status).toBe(200);
    expect((await scene.post('leave', body, first)).reason).toBe('replayed');
  });

  it('is left alone by a replay, also where a coordinator that was started again has forgotten the signature', async () => {
    const [key, other] = [await seated(5n), await seated(6n)];
    const body = { seat: '1' };
    const headers = key.callHeaders(scene.nowMs, 'POST /federation/leave', JSON.stringify(body));
    expect((await scene.post('leave', body, headers)).status).toBe(200);
    const again = await Scene.start({ kept: scene.saved.at(-1)! });
    again.nowMs = scene.nowMs + 1000;
    const answer = await again.post('leave', body, headers);
    expect([answer.status, again.saved]).toEqual([200, []]);
    expect((await again.post('leave', { seat: '2' }, headers)).reason).toBe('not-signed');
    again.seats.checkMember(other.keyHash);
    again.nowMs = scene.nowMs + 306_000;
    expect((await again.post('leave', body, headers)).reason).toBe('not-signed');
    await again.stop();
  });
});

describe('the list of the SuperLink', () => {
  const parts = (nodes: { list(): Promise<readonly RegisteredNode[]>; unregister(nodeId: bigint): Promise<void> }, seats: Seats) => ({ seats, nodes, log: new PolicyLog(() => undefined), onLeft: () => undefined, againMs: 10 });

  it('follows the seats once the SuperLink is back, also after a restart of the coordinator, which remembers who left by the seats alone', async () => {
    const key = await seated(5n);
    scene.upstreamStatus = null;
    await leave(key);
    const again = new Departures(parts(superLinkNodes(scene.upstreamPort), new Seats(scene.saved.at(-1)!, 3, () => undefined)));
    void again.settle();
    await sleep(50);
    expect(scene.registered.get(5n)!.status).toBe('online');
    scene.upstreamStatus = 200;
    await expect.poll(() => scene.registered.get(5n)!.status).toBe(UNREGISTERED);
    again.close();
  });

  it('is looked at again where somebody leaves while it is being looked at', async () => {
    const seats = new Seats({ version: 1, secret, seats: [] }, 2, () => undefined);
    const keys = [makeKey(), makeKey()];
    keys.forEach(({ keyHash }, seat) => seats.enrol(seats.invitation(seat), keyHash));
    const gone: bigint[] = [];
    let isFirst = true;
    const departures = new Departures(parts({
      list: async () => {
        // Nobody but the first has left when the list is read for the first time.
        const list = keys.map(({ pem }, at) => ({ nodeId: BigInt(at), status: gone.includes(BigInt(at)) ? UNREGISTERED : 'online', publicKey: Buffer.from(pem) }));
        return isFirst ? list.slice(0, 1) : list;
      },
      unregister: async (nodeId) => {
        gone.push(nodeId);
        if (isFirst) {
          isFirst = false;
          departures.leave(keys[1]!.keyHash);
        }
      },
    }, seats));
    departures.leave(keys[0]!.keyHash);
    await expect.poll(() => gone).toEqual([0n, 1n]);
  });

  it('is not held up by another that the SuperLink will not let go, which is tried again', async () => {
    const seats = new Seats({ version: 1, secret, seats: [] }, 2, () => undefined);
    const keys = [makeKey(), makeKey()];
    keys.forEach(({ keyHash }, seat) => seats.enrol(seats.invitation(seat), keyHash));
    const asked: bigint[] = [];
    const departures = new Departures(parts({
      list: () => Promise.resolve(keys.map(({ pem }, at) => ({ nodeId: BigInt(at), status: asked.includes(BigInt(at)) && at > 0 ? UNREGISTERED : 'online', publicKey: Buffer.from(pem) }))),
      unregister: (nodeId) => {
        asked.push(nodeId);
        return nodeId === 0n ? Promise.reject(new Error('refused')) : Promise.resolve();
      },
    }, seats));
    keys.forEach(({ keyHash }) => seats.leave(keyHash));
    await departures.settle();
    expect(asked).toEqual([0n, 1n]);
    await expect.poll(() => asked.slice(0, 3)).toEqual([0n, 1n, 0n]);
    departures.close();
  });
});
