import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeKey, Scene } from './testing/scene.ts';

let scene: Scene;
beforeEach(async () => { scene = await Scene.start(); });
afterEach(() => scene.stop());

const json = (body: Buffer): unknown => JSON.parse(body.toString('utf8'));

describe('thirty people behind one router', () => {
  it('are in within the same second, also while somebody beside them guesses without end', async () => {
    const room = await Scene.start({ seats: 30 });
    try {
      const token = room.links.roomToken();
      for (let call = 0; call < 60; call++) await room.post('deal', { room: 'guess' });
      expect(await room.post('deal', { room: 'guess' })).toMatchObject({ status: 429 });
      const seats = await Promise.all(Array.from({ length: 30 }, async () => {
        const statuses = [(await room.call('GET', '/federation/task')).status, (await room.call('GET', '/federation/status')).status];
        const { body, status } = await room.post('deal', { room: token });
        const { seat, invitation } = json(body) as { readonly seat: number; readonly invitation: string };
        // A reload looks once more; the answer to the first try is lost.
        const key = makeKey();
        const answers = [await room.post('deal', { invitation }), await room.enrol(key, invitation), await room.enrol(key, invitation), await room.fleet('register-node', key)];
        expect([...statuses, status, ...answers.map((answer) => answer.status)]).toEqual(new Array<number>(7).fill(200));
        return seat;
      }));
      expect(new Set(seats).size).toBe(30);
      expect(await room.post('deal', { room: token })).toMatchObject({ status: 409, reason: 'no-seat-left' });
      // A guess is one too many still.
      expect(await room.signed(makeKey(), 'enrol', { invitation: 'guess' })).toMatchObject({ status: 429, reason: 'too-fast' });
    } finally {
      await room.stop();
    }
  });

  it('cannot use up the calls of one invitation beyond its own', async () => {
    const [key, other] = [makeKey(), makeKey()];
    const statuses: number[] = [];
    for (let call = 0; call < 11; call++) statuses.push((await scene.enrol(key, scene.seats.invitation(0))).status);
    expect(statuses).toEqual([...new Array<number>(10).fill(200), 429]);
    expect((await scene.enrol(other, scene.seats.invitation(1))).status).toBe(200);
  });
});

describe('open GETs', () => {
  it('let thirty pages and a wall look for as long as they like from one address', async () => {
    const refused: number[] = [];
    // A minute: each page looks every five seconds, all in the same moment, and the wall every two.
    for (let second = 0; second < 60; second++, scene.nowMs += 1000) {
      const calls = second % 5 === 0 ? new Array<string>(30).fill('status') : [];
      if (second % 2 === 0) calls.push('task', 'status');
      for (const { status } of await Promise.all(calls.map((name) => scene.call('GET', `/federation/${name}`)))) if (status !== 200) refused.push(status);
    }
    expect(refused).toEqual([]);
  });

  const round = async () => (json((await scene.call('GET', '/federation/status')).body) as { round: number | null }).round;
  const begin = (at: number) => writeFileSync(join(scene.outFolder, 'status.json'), JSON.stringify({ state: 'training', round: at, nodes: 2, rounds: [], initialAccuracy: null, centralEpsilon: null }));

  it('are answered anew three hundred times at once and then 25 times a second, and above that by what was said within a second: nobody is refused for another', async () => {
    begin(1);
    for (let call = 0; call < 300; call++) expect(await round()).toBe(1);
    begin(2);
    const names = ['task', 'status', 'releases'] as const;
    for (const name of names) expect((await scene.call('GET', `/federation/${name}`)).status).toBe(200);
    // Said anew at most once a second: still the round before.
    expect(await round()).toBe(1);
    scene.nowMs += 1000;
    for (let call = 0; call < 25; call++) expect(await round()).toBe(2);
    begin(3);
    expect(await round()).toBe(2);
    scene.nowMs += 30;
    expect(await round()).toBe(2);
    scene.nowMs += 1000;
    expect(await round()).toBe(3);
  });

  it('count what no member signed; POSTs are counted for themselves', async () => {
    for (let call = 0; call < 300; call++) expect((await scene.call('GET', '/federation/model')).status).toBe(401);
    expect(await scene.call('GET', '/federation/model')).toMatchObject({ status: 429, reason: 'too-fast' });
    expect((await scene.call('GET', '/federation/releases')).status).toBe(200);
    expect((await scene.post('deal', { room: scene.links.roomToken() })).status).toBe(200);
  });
});

describe('what a member signs', () => {
  it('is counted for its key: others behind the same router cannot keep it from leaving or from its model', async () => {
    const [key, other] = [await scene.member(), await scene.member()];
    for (let call = 0; call < 300; call++) await scene.call('GET', '/federation/status');
    for (let call = 0; call < 60; call++) await scene.post('deal', { room: 'guess' });
    const model = (signer = key) => scene.call('GET', '/federation/model', signer.callHeaders(scene.nowMs, 'GET /federation/model'));
    expect(await scene.call('GET', '/federation/model')).toMatchObject({ status: 429 });
    expect(await scene.post('deal', { room: 'guess' })).toMatchObject({ status: 429 });
    // A key's name alone is nobody's calls: without its signature the address is counted.
    for (let call = 0; call < 12; call++) {
      expect(await scene.call('GET', '/federation/model', { ...key.callHeaders(scene.nowMs, 'GET /federation/model', 'x') })).toMatchObject({ status: 429, reason: 'too-fast' });
      expect(await scene.signed(key, 'leave', { seat: '1' }, { 'flwr-signature': 'AAAA' })).toMatchObject({ status: 429, reason: 'too-fast' });
    }
    const statuses: number[] = [];
    // Signatures of one moment differ by chance.
    for (let call = 0; call < 11; call++) statuses.push((await model()).status);
    expect(statuses).toEqual([...new Array<number>(10).fill(404), 429]);
    expect((await model(other)).status).toBe(404);
    expect((await scene.signed(other, 'leave', { seat: '2' })).status).toBe(200);
    expect(await scene.signed(key, 'leave', { seat: '1' })).toMatchObject({ status: 429, reason: 'too-fast' });
    scene.nowMs += 1000;
    expect((await scene.signed(key, 'leave', { seat: '1' })).status).toBe(200);
  });
});
