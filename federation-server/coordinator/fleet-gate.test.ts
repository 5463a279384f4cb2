import { createPublicKey } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode } from '../../src/federation/codec/encode.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { confirmBody, give, objectBody, replyBody, replyMetadata, wanting } from './testing/fleet-bodies.ts';
import { makeKey, Scene, type TestKey } from './testing/scene.ts';

let scene: Scene;
let key: TestKey;
beforeEach(async () => {
  scene = await Scene.start();
  key = await scene.member();
});
afterEach(() => scene.stop());

/** npy head and 100 float32, an object's head and the fields around it. */
const OBJECT_CAP = 128 + 400 + 4096;

describe('what goes on to the SuperLink', () => {
  it('is each of the ten calls, with its body and five headers, and nothing that the caller or the SuperLink adds', async () => {
    await give(scene, key, replyMetadata.replyToMessageId);
    const bodies: Readonly<Record<string, Uint8Array>> = {
      'push-messages': replyBody(),
      'pull-object': encode(endpoints.pullObject.request, { node: { nodeId: 9n }, runId: 1n, objectId: 'ab'.repeat(32) }),
      'confirm-message-received': confirmBody(replyMetadata.replyToMessageId),
      'push-object': objectBody('ab'.repeat(32), 'a session'),
    };
    // Last, because nobody is let in after it.
    const names = Object.values(endpoints).map(({ name }) => name).sort((a, b) => Number(a === 'unregister-node') - Number(b === 'unregister-node'));
    for (const name of names) {
      scene.nowMs += 1000;
      const body = bodies[name] ?? Buffer.from('body');
      scene.upstreamBody = name === 'push-messages' ? wanting() : Buffer.of(8, 1);
      const answer = await scene.fleet(name, key, body, { cookie: 'secret=1', authorization: 'Bearer x', 'x-forwarded-for': '10.0.0.7', 'user-agent': 'someone' });
      expect(answer.status).toBe(200);
      const { path, headers, body: passed } = scene.asked.at(-1)!;
      expect(path).toBe(`/v1/fleet/${name}`);
      expect(Buffer.compare(passed, body)).toBe(0);
      expect(Object.keys(headers).sort()).toEqual(['connection', 'content-length', 'content-type', 'flwr-public-key', 'flwr-signature', 'flwr-timestamp', 'host']);
      expect(answer.headers['date']).toBe('Wed, 25 Nov 2026 12:00:00 GMT');
      expect(answer.headers['content-type']).toBe('application/protobuf');
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.headers['server']).toBeUndefined();
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('is no other path, however it is written', async () => {
    const paths = [
      '/v1/control/list-runs', '/v1/control/start-run', '/v1/runtime/acquire-task', '/v1/fleet/get-run', '/v1/fleet/', '/v1/fleet/pull-messages/', '/v1/fleet/pull-messages?x=1', '/v1/fleet//pull-messages',
      '/v1/fleet/../control/list-runs', '/v1/fleet/%70ull-messages', '//v1/fleet/pull-messages', '/V1/fleet/pull-messages', '/v1/fleet/pull-messages%00', '/v1/fleet/pull-messages/../../control/start-run', 'http://127.0.0.1/v1/fleet/pull-messages',
      '/docs', '/health', '/federation/../v1/control/list-runs',
    ];
    for (const path of paths) {
      const { status } = await scene.call('POST', path, { 'content-type': 'application/protobuf', ...key.headers(scene.nowMs) }, 'x');
      expect([404, 405], path).toContain(status);
    }
    expect(scene.asked).toHaveLength(0);
  });

  it('passes refusals of the SuperLink through, and says when it does not answer', async () => {
    scene.upstreamStatus = 412;
    expect((await scene.fleet('activate-node', key)).status).toBe(412);
    scene.nowMs += 1000;
    scene.upstreamStatus = null;
    expect(await scene.fleet('pull-messages', key)).toMatchObject({ status: 502, reason: 'upstream' });
  });
});

describe('the way to the SuperLink', () => {
  it('is taken by four calls at a time, whoever makes them; the others wait and are answered', async () => {
    const room = await Scene.start({ seats: 6 });
    let release = (): void => undefined;
    try {
      const keys = await Promise.all(Array.from({ length: 6 }, (_, seat) => seatOf(room, seat)));
      room.upstreamHold = new Promise((resolve) => { release = resolve; });
      const calls = keys.map((one) => room.fleet('pull-messages', one));
      await until(() => room.asked.length === 4);
      // Long enough for a fifth, which comes in the same moment, to come through where it may.
      await sleep(200);
      expect(room.asked).toHaveLength(4);
      release();
      expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(new Array<number>(6).fill(200));
    } finally {
      release();
      await room.stop();
    }
  });

  it('is not held up by one who takes answers slowly', async () => {
    const other = await scene.member();
    // More than the buffers of two sockets take.
    scene.upstreamBody = new Uint8Array(24_000_000);
    const slow = Array.from({ length: 4 }, () => httpRequest({ host: '127.0.0.1', port: scene.port, method: 'POST', path: '/v1/fleet/send-node-heartbeat', agent: false, headers: { 'content-length': 1, 'content-type': 'application/protobuf', ...key.headers(scene.nowMs) } }));
    const begun = slow.map((request) => new Promise((resolve, reject) => request.on('response', resolve).on('error', reject)));
    for (const request of slow) request.end('x');
    await Promise.all(begun);
    scene.upstreamBody = Buffer.of(8, 1);
    expect((await scene.fleet('send-node-heartbeat', other)).status).toBe(200);
    for (const request of slow) request.destroy();
  });
});

describe('what is refused before its body is read', () => {
  it('other methods and content types', async () => {
    const headers = { 'content-type': 'application/protobuf', ...key.headers(scene.nowMs) };
    expect(await scene.call('GET', '/v1/fleet/pull-messages', headers)).toMatchObject({ status: 405, reason: 'wrong-method' });
    expect(await scene.call('OPTIONS', '/v1/fleet/pull-messages', { origin: 'https://elsewhere.example' })).toMatchObject({ status: 405 });
    for (const type of ['application/json', 'text/plain', 'application/protobuf; charset=utf-8', 'application/x-www-form-urlencoded'])
      expect(await scene.fleet('pull-messages', key, Buffer.of(0), { 'content-type': type })).toMatchObject({ status: 415, reason: 'wrong-type' });
    expect(scene.asked).toHaveLength(0);
  });

  it('a body that is one byte too long, for each kind of call', async () => {
    for (const [name, cap] of [['pull-messages', 4096], ['push-messages', 65_536], ['push-object', OBJECT_CAP]] as const) {
      scene.nowMs += 1000;
      expect(await scene.fleet(name, key, new Uint8Array(cap + 1))).toMatchObject({ status: 413, reason: 'too-large' });
      // What is pushed is read, and this is none.
      expect(await scene.fleet(name, key, new Uint8Array(cap))).toMatchObject(name === 'pull-messages' ? { status: 200 } : { status: 400, reason: 'malformed' });
    }
    expect(scene.asked.map(({ body }) => body.length)).toEqual([4096]);
    scene.nowMs += 1000;
    const largest = objectBody('ab'.repeat(32), 'a session', new Uint8Array(OBJECT_CAP - objectBody('ab'.repeat(32), 'a session', new Uint8Array(1000)).length + 1000));
    expect([largest.length, (await scene.fleet('push-object', key, largest)).status]).toEqual([OBJECT_CAP, 200]);
  });

  it('a body of some megabytes: the answer arrives although it was never read', async () => {
    for (let tries = 0; tries < 5; tries++) expect(await scene.fleet('push-object', key, new Uint8Array(6_000_000))).toMatchObject({ status: 413, reason: 'too-large' });
  });

  it('a body of unknown or untrue length', async () => {
    const headers = { 'content-type': 'application/protobuf', ...key.headers(scene.nowMs) };
    const head = (extra: string) => `POST /v1/fleet/pull-messages HTTP/1.1\r\nhost: x\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}${extra}`;
    const chunked = await raw(`${head('transfer-encoding: chunked\r\n')}\r\n5\r\nhello\r\n0\r\n\r\n`);
    expect(chunked).toMatch(/^HTTP\/1\.1 411 /);
    // Node's parser refuses what could be read in two ways.
    expect(await raw(`${head('transfer-encoding: chunked\r\ncontent-length: 5\r\n')}\r\n5\r\nhello\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(`${head('content-length: -1\r\n')}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw('\x16\x03\x01garbage\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(scene.asked).toHaveLength(0);
  });
});

describe('who is let in', () => {
  it('nobody without a seat, and nobody who has left one', async () => {
    expect(await scene.fleet('register-node', makeKey())).toMatchObject({ status: 403, reason: 'not-enrolled' });
    expect((await scene.fleet('unregister-node', key)).status).toBe(200);
    scene.nowMs += 1000;
    expect(await scene.fleet('register-node', key)).toMatchObject({ status: 403, reason: 'has-left' });
    expect(scene.asked.map(({ path }) => path)).toEqual(['/v1/fleet/unregister-node']);
    expect(scene.saved.at(-1)?.seats[0]).toEqual({ keyHash: key.keyHash, hasLeft: true });
  });

  it('nobody who leaves while the body is on its way', async () => {
    const body = Buffer.of(10, 0);
    const request = httpRequest({ host: '127.0.0.1', port: scene.port, method: 'POST', path: '/v1/fleet/activate-node', agent: false, headers: { 'content-length': body.length, 'content-type': 'application/protobuf', ...key.headers(scene.nowMs) } });
    const status = new Promise((resolve, reject) => request.on('error', reject).on('response', (response) => resolve(response.resume().statusCode)));
    request.write(body.subarray(0, 1));
    // Long enough for the head to be let in; where it is not, the seat is left before, which is the test above.
    await sleep(200);
    scene.seats.leave(key.keyHash);
    request.end(body.subarray(1));
    expect(await status).toBe(403);
    expect(scene.asked).toHaveLength(0);
  });

  it('a seat is kept where the SuperLink refused to unregister it', async () => {
    scene.upstreamStatus = 412;
    await scene.fleet('unregister-node', key);
    scene.nowMs += 1000;
    scene.upstreamStatus = 200;
    expect((await scene.fleet('pull-messages', key)).status).toBe(200);
  });

  it('no signature of another key, of another time, or of nothing', async () => {
    const other = makeKey();
    const signed = key.headers(scene.nowMs);
    const wrong: readonly Record<string, string>[] = [
      { 'flwr-signature': other.headers(scene.nowMs)['flwr-signature']! },
      { 'flwr-timestamp': new Date(scene.nowMs - 1000).toISOString() },
      key.headers(scene.nowMs - 306_000),
      key.headers(scene.nowMs + 6000),
      { 'flwr-timestamp': signed['flwr-timestamp']!.replace('Z', '') },
      { 'flwr-timestamp': '2026' },
      { 'flwr-signature': 'AAAA' },
      { 'flwr-signature': '' },
      { 'flwr-signature': 'x'.repeat(5000) },
    ];
    for (const change of wrong) expect(await scene.fleet('pull-messages', key, Buffer.of(0), change), JSON.stringify(change).slice(0, 80)).toMatchObject({ status: 401, reason: 'not-signed' });
    expect(scene.asked).toHaveLength(0);
    // The clock's edge, as the SuperLink has it.
    expect((await scene.fleet('pull-messages', key, Buffer.of(0), key.headers(scene.nowMs - 304_000))).status).toBe(200);
  });

  it('no key that is none, or is written in two ways', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const body = key.pem.split('\n').slice(1, -2).join('');
    const oneLine = `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n`;
    expect(createPublicKey(oneLine).export({ type: 'spki', format: 'pem' })).toBe(key.pem);
    for (const pem of ['', 'garbage', oneLine, key.pem.trimEnd(), `${key.pem}\n`, key.pem.replaceAll('\n', '\r\n')])
      expect(await scene.fleet('pull-messages', key, Buffer.of(0), { 'flwr-public-key': base64(pem) })).toMatchObject({ status: 401, reason: 'not-signed' });
  });
});

describe('signatures are taken once', () => {
  it('a replayed one is refused as long as it is young enough to count, with a status after which a node signs anew', async () => {
    const replay = key.headers(scene.nowMs);
    expect((await scene.fleet('pull-messages', key, Buffer.of(0), replay)).status).toBe(200);
    for (const laterMs of [0, 1000, 303_000]) {
      scene.nowMs += laterMs;
      expect(await scene.fleet('push-messages', key, Buffer.of(0), replay)).toMatchObject({ status: 425, reason: 'replayed' });
    }
    scene.nowMs += 2000;
    expect(await scene.fleet('push-messages', key, Buffer.of(0), replay)).toMatchObject({ status: 401 });
    expect(scene.asked).toHaveLength(1);
  });

  it('and its mirror image, (r, n - s), which verifies as well, counts as the same', async () => {
    const signed = key.headers(scene.nowMs);
    expect((await scene.fleet('pull-messages', key, Buffer.of(0), signed)).status).toBe(200);
    const mirrored = { ...signed, 'flwr-signature': mirror(Buffer.from(signed['flwr-signature']!, 'base64')).toString('base64') };
    expect(mirrored['flwr-signature']).not.toBe(signed['flwr-signature']);
    expect(await scene.fleet('pull-messages', key, Buffer.of(0), mirrored)).toMatchObject({ status: 425, reason: 'replayed' });
  });

  it('two calls of one millisecond are two', async () => {
    const answers = await Promise.all([scene.fleet('pull-messages', key), scene.fleet('pull-messages', key)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('how fast', () => {
  it('40 calls at once and 20 a second after, each key for itself', async () => {
    const other = await scene.member();
    const statuses: number[] = [];
    for (let call = 0; call < 42; call++) statuses.push((await scene.fleet('pull-messages', key)).status);
    expect(statuses).toEqual([...new Array<number>(40).fill(200), 429, 429]);
    expect((await scene.fleet('pull-messages', other)).status).toBe(200);
    scene.nowMs += 100;
    expect((await scene.fleet('pull-messages', key)).status).toBe(200);
    expect((await scene.fleet('pull-messages', key)).status).toBe(200);
    expect(await scene.fleet('pull-messages', key)).toMatchObject({ status: 429, reason: 'too-fast' });
  });

  it('at most four at a time', async () => {
    let release = (): void => undefined;
    scene.upstreamHold = new Promise((resolve) => { release = resolve; });
    const calls = Array.from({ length: 5 }, () => scene.fleet('pull-messages', key));
    const first = await Promise.race(calls);
    expect(first).toMatchObject({ status: 429, reason: 'too-fast' });
    release();
    expect((await Promise.all(calls)).map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 429]);
    scene.nowMs += 1000;
    expect((await scene.fleet('pull-messages', key)).status).toBe(200);
  });

  it('who goes away while the SuperLink is thinking leaves no call behind', async () => {
    let release = (): void => undefined;
    scene.upstreamHold = new Promise((resolve) => { release = resolve; });
    const calls = Array.from({ length: 4 }, () => {
      const request = httpRequest({ host: '127.0.0.1', port: scene.port, method: 'POST', path: '/v1/fleet/pull-messages', agent: false, headers: { 'content-length': 2, 'content-type': 'application/protobuf', ...key.headers(scene.nowMs) } });
      request.on('error', () => undefined).end(Buffer.of(10, 0));
      return request;
    });
    await until(() => scene.asked.length === 4);
    const gone = Promise.all(calls.map((request) => new Promise((resolve) => request.on('close', resolve))));
    for (const request of calls) request.destroy();
    await gone;
    // Until the server has seen it, too.
    await sleep(200);
    release();
    await sleep(200);
    scene.nowMs += 1000;
    expect(await Promise.all(Array.from({ length: 4 }, async () => (await scene.fleet('pull-messages', key)).status))).toEqual([200, 200, 200, 200]);
  });
});

describe('the log', () => {
  it('has reasons, places, hashes and counts; no address, header or invitation', async () => {
    const intruder = makeKey();
    for (let call = 0; call < 12; call++) await scene.fleet('pull-messages', intruder);
    await scene.fleet('push-object', key, new Uint8Array(OBJECT_CAP + 1));
    expect(scene.logged).toEqual([
      `enrolled ${key.keyHash.slice(0, 12)}`,
      `refused not-enrolled pull-messages ${intruder.keyHash.slice(0, 12)}, 1 time`,
      `refused not-enrolled pull-messages ${intruder.keyHash.slice(0, 12)}, 10 times`,
      'refused too-large push-object nobody, 1 time',
    ]);
    const status = JSON.parse((await scene.call('GET', '/federation/status')).body.toString()) as { refused: object };
    expect(status.refused).toEqual({ 'not-enrolled': 12, 'too-large': 1 });
  });
});

async function seatOf(room: Scene, seat: number): Promise<TestKey> {
  const member = makeKey();
  await room.enrol(member, room.seats.invitation(seat));
  return member;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

/** Order of the curve P-384 (SEC 2, 2.5.1). */
const ORDER = BigInt('0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973');

function mirror(der: Buffer): Buffer {
  const rLength = der[3]!;
  const s = BigInt(`0x${der.subarray(6 + rLength).toString('hex')}`);
  let hex = (ORDER - s).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  const mirrored = Buffer.from(hex, 'hex');
  const body = Buffer.concat([der.subarray(2, 4 + rLength), Buffer.of(2, mirrored.length), mirrored]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** What comes back for bytes as they are. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(scene.port, '127.0.0.1', () => socket.end(text));
    let answer = '';
    socket.on('data', (data) => { answer += data.toString('latin1'); });
    socket.on('close', () => resolve(answer));
    socket.on('error', () => undefined);
  });
}
