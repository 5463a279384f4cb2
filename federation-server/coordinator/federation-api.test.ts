import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorClient } from '../../src/federation/coordinator-client.ts';
import { readReleases, readStatus, saysRoundIsOver, type Release } from '../../src/federation/status.ts';
import { fetchTransport } from '../../src/federation/transport.ts';
import { gaussianEpsilon } from '../../src/privacy/gaussian.ts';
import { carryOver } from './run-status.ts';
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

describe('GET /federation/status', () => {
  const status = async () => json((await scene.call('GET', '/federation/status')).body) as { state: string; round: number | null; epsilon: { spent: number; total: number }; model: unknown; participants: object; rounds: object[] };
  const write = (value: object) => writeFileSync(join(scene.outFolder, 'status.json'), JSON.stringify({ state: 'waiting', round: null, nodes: 0, rounds: [], initialAccuracy: null, centralEpsilon: null, ...value }));
  const round = (number: number) => ({ round: number, isCounted: true, isKept: true, accepted: 2, dropped: 1, seconds: 3.5, deviceSeconds: 6, accuracy: { correct: 3, total: 4 } });

  it('before the first round', async () => {
    await scene.member();
    expect(await status()).toMatchObject({ state: 'starting', round: null, rounds: [], model: null, epsilon: { spent: 0 }, participants: { seats: 3, enrolled: 1, left: 0, present: 1, asked: 0, needed: 2 } });
    write({});
    expect((await status()).state).toBe('waiting');
  });

  it('in a round, which counts as spent: epsilon of one Gaussian a round', async () => {
    write({ state: 'training', round: 2, nodes: 3, rounds: [round(1)] });
    const { epsilon, ...rest } = await status();
    expect(rest).toMatchObject({ state: 'training', round: 2, participants: { asked: 3 }, rounds: [round(1)] });
    // Two Gaussians of mu 1/4 are one of sqrt(2)/4; the sum of squares may differ by rounding.
    expect(epsilon.spent).toBeCloseTo(gaussianEpsilon(Math.SQRT2 / 4, 1e-5), 12);
    expect(epsilon.total).toBeCloseTo(gaussianEpsilon(Math.sqrt(3) / 4, 1e-5), 12);
  });

  it('of a command that is started again has the rounds of before at once, and the one that was cut off as over: nobody is to pay for it any more', async () => {
    carryOver(scene.outFolder);
    expect(await status()).toMatchObject({ state: 'starting', rounds: [], epsilon: { spent: 0 } });
    write({ state: 'training', round: 2, nodes: 3, rounds: [round(1)] });
    for (let starts = 0; starts < 2; starts++) {
      carryOver(scene.outFolder);
      const told = readStatus(json((await scene.call('GET', '/federation/status')).body) as Readonly<Record<string, unknown>>);
      expect(told).toMatchObject({ state: 'starting', round: null, rounds: [round(1), { round: 2, isCounted: false, isKept: false }], participants: { asked: 0 } });
      expect([told.rounds.length, saysRoundIsOver(told, taskHash, 2), saysRoundIsOver(told, taskHash, 3)]).toEqual([2, true, false]);
      expect(told.epsilon.spent).toBeCloseTo(gaussianEpsilon(Math.SQRT2 / 4, 1e-5), 12);
    }
    write({ state: 'finished', rounds: [round(1), round(2), round(3)] });
    carryOver(scene.outFolder);
    expect(await status()).toMatchObject({ state: 'finished', rounds: [{}, {}, {}] });
  });

  it.each(['', '{"state": "trai', 'null', '{}'])('of a command that is started again over a file that a failing disk has spoilt (%j) is that of a start', async (content) => {
    writeFileSync(join(scene.outFolder, 'status.json'), content);
    carryOver(scene.outFolder);
    expect(await status()).toMatchObject({ state: 'starting', rounds: [], epsilon: { spent: 0 } });
  });

  it('at the end, and where the ServerApp is gone before it', async () => {
    write({ state: 'finished', rounds: [round(1), round(2), round(3)] });
    scene.supervised = 'ended';
    expect(await status()).toMatchObject({ state: 'finished', round: null });
    write({ state: 'training', round: 3, nodes: 2, rounds: [round(1), round(2)] });
    for (const supervised of ['ended', 'failed'] as const) {
      scene.supervised = supervised;
      const { epsilon, ...rest } = await status();
      expect(rest).toMatchObject({ state: 'failed', round: null, participants: { asked: 0 } });
      // The round that was cut off counts: devices may have paid for it.
      expect(epsilon.spent).toBe(epsilon.total);
    }
  });
});

describe('GET /federation/model', () => {
  it('is the newest release, for members, once there is one of the hash that was signed', async () => {
    const key = await scene.member();
    const get = (signer = key) => {
      scene.nowMs += 1000;
      return scene.call('GET', '/federation/model', signer.callHeaders(scene.nowMs, 'GET /federation/model'));
    };
    expect(await get()).toMatchObject({ status: 404, reason: 'no-model' });
    const [first, second] = ['npy 0', 'npy 1'].map((text, version) => release(version, Buffer.from(text)));
    writeReleases([first!, second!]);
    const answer = await get();
    expect([answer.status, answer.headers['etag'], answer.body.toString()]).toEqual([200, `"${second!.sha256}"`, 'npy 1']);
    expect(await get(makeKey())).toMatchObject({ status: 403, reason: 'not-enrolled' });
    expect(await scene.call('GET', '/federation/model')).toMatchObject({ status: 401 });
    writeFileSync(join(scene.outFolder, 'release-1.npy'), 'another');
    expect(await get()).toMatchObject({ status: 404, reason: 'no-model' });
  });
});

/** Written as the ServerApp does. */
function release(version: number, content: Buffer): Release {
  writeFileSync(join(scene.outFolder, `release-${version}.npy`), content);
  return { version, round: version, sha256: createHash('sha256').update(content).digest('hex'), sizeBytes: content.length, signature: 'A'.repeat(128) };
}

function writeReleases(releases: readonly Release[]): void {
  writeFileSync(join(scene.outFolder, 'releases.json'), JSON.stringify({ task: 'ab', releases }));
}

describe('GET /federation/releases', () => {
  it('lists what was let out, for anybody, as clients read it; the status has the newest', async () => {
    const list = async () => readReleases(json((await scene.call('GET', '/federation/releases')).body) as Record<string, unknown>);
    expect(await list()).toEqual([]);
    expect(json((await scene.call('GET', '/federation/status')).body)).toMatchObject({ model: null, central: null, initialAccuracy: null });
    const releases = [release(0, Buffer.from('a')), release(1, Buffer.from('b'))];
    writeReleases(releases);
    expect(await list()).toEqual(releases);
    const status = readStatus(json((await scene.call('GET', '/federation/status')).body) as Record<string, unknown>);
    expect(status.model).toEqual(releases[1]);
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
