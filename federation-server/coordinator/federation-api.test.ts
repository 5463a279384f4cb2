import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorClient } from '../../src/federation/coordinator-client.ts';
import { fetchTransport } from '../../src/federation/transport.ts';
import { makeKey, Scene, taskFile, taskHash } from './testing/scene.ts';

let scene: Scene;
beforeEach(async () => { scene = await Scene.start(); });
afterEach(() => scene.stop());

const json = (body: Buffer): unknown => JSON.parse(body.toString('utf8'));

describe('POST /federation/enrol', () => {
  it('gives a seat to a key, and the same again where the answer was lost', async () => {
    const key = makeKey();
    const invitation = scene.seats.invitation(1);
    for (let tries = 0; tries < 2; tries++) {
      const { status, body } = await scene.enrol(key, invitation);
      expect([status, json(body)]).toEqual([200, { seat: 2, seats: 3 }]);
    }
    expect(scene.saved).toHaveLength(1);
    expect((await scene.fleet('register-node', key)).status).toBe(200);
  });

  it('refuses a second key for one invitation', async () => {
    const invitation = scene.seats.invitation(0);
    const [first, second] = [makeKey(), makeKey()];
    expect((await scene.enrol(first, invitation)).status).toBe(200);
    expect(await scene.enrol(second, invitation)).toMatchObject({ status: 409, reason: 'used-invitation' });
    expect(await scene.fleet('register-node', second)).toMatchObject({ status: 403, reason: 'not-enrolled' });
    expect((await scene.fleet('register-node', first)).status).toBe(200);
  });

  it('refuses an invitation that was used by somebody who has left, by anybody', async () => {
    const key = await scene.member();
    const invitation = scene.seats.invitation(0);
    scene.nowMs += 1000;
    expect((await scene.fleet('unregister-node', key)).status).toBe(200);
    expect(await scene.enrol(key, invitation)).toMatchObject({ status: 403, reason: 'has-left' });
    expect(await scene.enrol(makeKey(), invitation)).toMatchObject({ status: 409, reason: 'used-invitation' });
  });

  it('refuses a key that has a seat, an invitation that is none, and a key that did not sign', async () => {
    const key = await scene.member();
    expect(await scene.enrol(key, scene.seats.invitation(1))).toMatchObject({ status: 409, reason: 'second-invitation' });
    expect(await scene.enrol(makeKey(), 'A'.repeat(22))).toMatchObject({ status: 403, reason: 'unknown-invitation' });
    expect(await scene.enrol(makeKey(), scene.links.roomToken())).toMatchObject({ status: 403, reason: 'unknown-invitation' });
    expect(await scene.post('enrol', { invitation: scene.seats.invitation(1) })).toMatchObject({ status: 401, reason: 'not-signed' });
    expect(await scene.post('enrol', { invitation: scene.seats.invitation(1) }, { ...key.callHeaders(scene.nowMs, 'POST /federation/enrol', JSON.stringify({ invitation: scene.seats.invitation(1) })), 'flwr-public-key': Buffer.from(makeKey().pem).toString('base64') })).toMatchObject({ status: 401 });
    expect(scene.seats.counts()).toEqual({ seats: 3, enrolled: 1, left: 0 });
  });

  it('refuses garbage, also of curves that the SuperLink does not take', async () => {
    for (const body of ['', 'null', '[]', '{', '{"invitation":1}', JSON.stringify({ invitation: 'x'.repeat(300) })])
      expect(await scene.call('POST', '/federation/enrol', { 'content-type': 'application/json', ...makeKey().callHeaders(scene.nowMs, 'POST /federation/enrol', body) }, body)).toMatchObject({ status: 400, reason: 'malformed' });
    expect(await scene.call('POST', '/federation/enrol', { 'content-type': 'application/json' }, ' '.repeat(4097))).toMatchObject({ status: 413 });
    expect(await scene.call('POST', '/federation/enrol', { 'content-type': 'text/plain' }, '{}')).toMatchObject({ status: 415 });
    expect(await scene.call('GET', '/federation/enrol')).toMatchObject({ status: 405 });
    expect(await scene.enrol(makeKey('secp256k1'), scene.seats.invitation(0))).toMatchObject({ status: 401, reason: 'not-signed' });
  });

  it('cannot be guessed at: sixty calls, then five a second', async () => {
    const statuses: number[] = [];
    for (let call = 0; call < 61; call++) statuses.push((await scene.post('deal', { room: 'guess' })).status);
    expect(statuses).toEqual([...new Array<number>(60).fill(404), 429]);
  });
});

describe('a signature', () => {
  it('is of one address, one federation, one body and one key; of any other it is refused and nothing happens', async () => {
    const [key, other] = [await scene.member(), await scene.member()];
    const [invitation, body] = [scene.seats.invitation(2), '{"seat":"1"}'];
    const [leave, enrol] = ['POST /federation/leave', 'POST /federation/enrol'];
    const as = (headers: Readonly<Record<string, string>>, name: string, sent: string) => scene.call('POST', `/federation/${name}`, { 'content-type': 'application/json', ...headers }, sent);
    const wrong: readonly (readonly [string, Readonly<Record<string, string>>, string, string])[] = [
      ['a Fleet call\'s', key.headers(scene.nowMs), 'leave', body],
      ['another address\'s', key.callHeaders(scene.nowMs, enrol, body), 'leave', body],
      ['another method\'s', key.callHeaders(scene.nowMs, 'GET /federation/leave', body), 'leave', body],
      ['another federation\'s', key.callHeaders(scene.nowMs, leave, body, 'ab'.repeat(32)), 'leave', body],
      ['another seat\'s', key.callHeaders(scene.nowMs, leave, '{"seat":"2"}'), 'leave', body],
      ['another body\'s', key.callHeaders(scene.nowMs, leave, '{"seat": "1"}'), 'leave', body],
      ['another key\'s', { ...key.callHeaders(scene.nowMs, leave, body), 'flwr-signature': other.callHeaders(scene.nowMs, leave, body)['flwr-signature']! }, 'leave', body],
      ['a leaving one\'s', key.callHeaders(scene.nowMs, leave, body), 'enrol', body],
      ['another invitation\'s', makeKey().callHeaders(scene.nowMs, enrol, JSON.stringify({ invitation: 'x' })), 'enrol', JSON.stringify({ invitation })],
    ];
    for (const [whose, headers, name, sent] of wrong) expect(await as(headers, name, sent), whose).toMatchObject({ status: 401, reason: 'not-signed' });
    expect(await scene.fleet('pull-messages', key, undefined, key.callHeaders(scene.nowMs, leave, body))).toMatchObject({ status: 401, reason: 'not-signed' });
    expect(await scene.call('GET', '/federation/model', key.callHeaders(scene.nowMs, leave, body))).toMatchObject({ status: 401, reason: 'not-signed' });
    expect(scene.seats.counts()).toEqual({ seats: 3, enrolled: 2, left: 0 });
    expect(scene.asked).toHaveLength(0);
    expect((await as(key.callHeaders(scene.nowMs, leave, body), 'leave', body)).status).toBe(200);
  });

  it('is the one that the app makes', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const key = { publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }), sign: (message: Uint8Array) => Promise.resolve(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })) };
    const courier = fetchTransport(`http://127.0.0.1:${scene.port}`);
    const sha256 = (bytes: Uint8Array) => Promise.resolve(createHash('sha256').update(bytes).digest());
    const client = new CoordinatorClient({ courier, clock: { nowMs: () => scene.nowMs }, sha256, onExchange: () => undefined });
    const signer = { key, taskHash };
    expect(await client.enrol(signer, scene.seats.invitation(1))).toEqual({ seat: 2, seats: 3 });
    scene.nowMs += 1000;
    await expect(client.leave(signer, { seat: 1 })).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'second-invitation' } });
    scene.nowMs += 1000;
    await client.leave(signer, { invitation: scene.seats.invitation(1) });
    expect(scene.seats.counts()).toEqual({ seats: 3, enrolled: 0, left: 1 });
  });
});

describe('POST /federation/deal', () => {
  it('deals each seat once, then those that nobody took, and none where all are taken', async () => {
    const room = scene.links.roomToken();
    const dealt: unknown[] = [];
    for (let call = 0; call < 3; call++) dealt.push(json((await scene.post('deal', { room })).body));
    expect(dealt).toEqual([0, 1, 2].map((seat) => ({ seat: seat + 1, invitation: scene.seats.invitation(seat) })));
    await scene.enrol(makeKey(), scene.seats.invitation(0));
    for (const seat of [2, 3, 2]) expect(json((await scene.post('deal', { room })).body)).toMatchObject({ seat });
    for (const seat of [1, 2]) await scene.enrol(makeKey(), scene.seats.invitation(seat));
    expect(await scene.post('deal', { room })).toMatchObject({ status: 409, reason: 'no-seat-left' });
  });

  it('deals nothing to who does not know the room, nor where seats are not dealt', async () => {
    expect(await scene.post('deal', { room: scene.links.projectorToken() })).toMatchObject({ status: 404, reason: 'no-room' });
    const closed = await Scene.start({ isDealing: false });
    expect(await closed.post('deal', { room: closed.links.roomToken() })).toMatchObject({ status: 404, reason: 'no-room' });
    await closed.stop();
  });
});

describe('POST /federation/deal of an invitation', () => {
  it('says which seat it is for to who has no key, and takes none; also where seats are not dealt', async () => {
    const closed = await Scene.start({ isDealing: false });
    for (const one of [scene, closed]) {
      const invitation = one.seats.invitation(1);
      for (let tries = 0; tries < 2; tries++) expect(json((await one.post('deal', { invitation })).body)).toEqual({ seat: 2, invitation });
      expect(one.saved).toEqual([]);
      expect((await one.enrol(makeKey(), invitation)).status).toBe(200);
    }
    await closed.stop();
  });

  it('refuses one that is unknown, was used, or is of a seat that was left', async () => {
    expect(await scene.post('deal', { invitation: scene.links.roomToken() })).toMatchObject({ status: 403, reason: 'unknown-invitation' });
    const key = await scene.member();
    const invitation = scene.seats.invitation(0);
    expect(await scene.post('deal', { invitation })).toMatchObject({ status: 409, reason: 'used-invitation' });
    scene.nowMs += 1000;
    await scene.fleet('unregister-node', key);
    expect(await scene.post('deal', { invitation })).toMatchObject({ status: 403, reason: 'has-left' });
  });

  it('takes a room or an invitation, and cannot be guessed at', async () => {
    for (const body of [{}, { room: scene.links.roomToken(), invitation: scene.seats.invitation(0) }, { invitation: 1 }, { invitation: 'x'.repeat(201) }])
      expect(await scene.post('deal', body)).toMatchObject({ status: 400, reason: 'malformed' });
    scene.nowMs += 60_000;
    const statuses: number[] = [];
    for (let call = 0; call < 61; call++) statuses.push((await scene.post('deal', { invitation: 'guess' })).status);
    expect(statuses).toEqual([...new Array<number>(60).fill(403), 429]);
  });
});

describe('POST /federation/projector', () => {
  it('has the link of the room and its code for whoever holds the projector\'s token, and nobody else', async () => {
    const shown = json((await scene.post('projector', { projector: scene.links.projectorToken() })).body);
    expect(shown).toMatchObject({ address: 'https://bedside.example:8443', roomLink: `https://bedside.example:8443/#/federation/room-${scene.links.roomToken()}`, fingerprint: 'AA:BB' });
    expect((shown as { roomQr: string }).roomQr).toMatch(/^<svg [\s\S]*<\/svg>\s*$/);
    expect(await scene.post('projector', { projector: scene.links.roomToken() })).toMatchObject({ status: 403 });
  });
});

describe('GET /federation/task', () => {
  it('is the file, byte for byte', async () => {
    const { status, headers, body } = await scene.call('GET', '/federation/task');
    expect([status, headers['content-type'], body.equals(taskFile)]).toEqual([200, 'application/json', true]);
  });
});

describe('the app', () => {
  it('is served with types, the page\'s own policy, and caches as long as names are of content', async () => {
    const page = await scene.call('GET', '/');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'self'; connect-src 'self'; .*; frame-ancestors 'none'$/);
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    expect(page.headers['cache-control']).toBe('no-cache');
    expect((await scene.call('GET', '/', { 'if-none-match': page.headers['etag']! })).status).toBe(304);
    const script = await scene.call('GET', '/assets/bedside-1.js?x');
    expect([script.status, script.headers['content-type'], script.headers['cache-control']]).toEqual([200, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable']);
    const head = await scene.call('HEAD', '/assets/bedside-1.js');
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '10', 0]);
  });

  it('is served from its folder alone', async () => {
    for (const path of ['/../beside.txt', '/..%2fbeside.txt', '/%2e%2e/beside.txt', '/assets/../../beside.txt', '/.hidden', '/assets', '/assets/', '/%00', '/%', '/..\\beside.txt', '/..%5cbeside.txt', 'beside.txt'])
      expect([404, 400], path).toContain((await scene.call('GET', path)).status);
    expect((await scene.call('POST', '/')).status).toBe(405);
  });
});
