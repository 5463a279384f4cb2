import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { bytesToHex, bytesToUtf8 } from '../ground/bytes.ts';
import { orthonormalMap } from '../ground/orthonormal-map.ts';
import { CoordinatorClient } from './coordinator-client.ts';
import { isInvitationRefused } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { bytesToBase64, publicKeyPem, type SigningKey } from './signing.ts';
import { readStatus } from './status.ts';
import { FakeCoordinator, projectorToken, refusal, room } from './testing/fake-coordinator.ts';
import { makeKey, task } from './testing/node-scene.ts';
import { sha256 } from './testing/sha256.ts';
import { fetchTransport } from './transport.ts';

const clock = { nowMs: () => Date.UTC(2026, 10, 26) };
let fake: FakeCoordinator;
let client: CoordinatorClient;
const exchanges: Exchange[] = [];
const signer = (key: SigningKey) => ({ key, taskHash: fake.taskHash });
beforeEach(async () => {
  fake = await FakeCoordinator.open({ ...task }, clock);
  exchanges.length = 0;
  client = new CoordinatorClient({ courier: fetchTransport('https://example.org', fake.fetch), clock, sha256, onExchange: (exchange) => exchanges.push(exchange) });
});

describe('a coordinator', () => {
  it('is asked with what each address needs and no more', async () => {
    const key = await makeKey();
    expect(await client.task()).toEqual({ task: fake.task, taskHash: fake.taskHash });
    expect((await client.status()).participants).toEqual({ seats: 5, enrolled: 0, left: 0, present: 0, asked: 0, needed: 3 });
    const { seat, invitation } = await client.deal(room);
    expect(await client.look(invitation)).toEqual({ seat, invitation });
    expect(await client.enrol(signer(key), invitation)).toEqual({ seat, seats: 5 });
    expect(await client.enrol(signer(key), invitation)).toEqual({ seat, seats: 5 });
    await fake.release(0, 0, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(await client.model(signer(key), task.coordinates)).toEqual(fake.releases[0]!.file);
    expect(await client.releases()).toEqual([fake.releases[0]!.release]);
    expect(await client.projector(projectorToken)).toMatchObject({ fingerprint: null });
    const isSigned = ({ headers }: (typeof fake.requests)[number]) => 'flwr-signature' in headers;
    expect(fake.requests.filter(isSigned).map(({ path }) => path.split('/').at(-1))).toEqual(['enrol', 'enrol', 'model']);
    expect(exchanges.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBe(fake.requests.reduce((sum, { body }) => sum + body.length, 0));
  });

  it('may have a task of 300 labels over few numbers, with a long sentence each; of more than a megabyte none is read', async () => {
    const labels = Array.from({ length: 300 }, (_, label) => `label ${label}`);
    const sentence = 'of the person who is asked for all that was said and done. '.repeat(12);
    const directions = Int8Array.from({ length: 300 * 384 }, (_, at) => ((at * 7919) % 255) - 127);
    const map = orthonormalMap({ dimension: 320, seed: 1, directions }, 384);
    const large = {
      ...task, labels, labelSentences: labels.map((label) => `${label} ${sentence}`), coordinates: 300 * 321,
      head: {
        maximumLength: 128, featureLayers: [6], featureWeights: [1], publicMean: Array.from({ length: 384 }, (_, at) => Math.sin(at) / 20), biasInput: 0.3,
        projection: { dimension: 320, seed: 1, directions: bytesToBase64(new Uint8Array(directions.buffer)), sha256: bytesToHex(await sha256(new Uint8Array(map.buffer))) },
      },
    };
    const serve = (value: object) => { fake.faults = () => new Response(JSON.stringify(value, null, 2), { headers: { 'content-type': 'application/json' } }); };
    serve(large);
    expect(JSON.stringify(large).length).toBeGreaterThan(350_000);
    expect((await client.task()).task.head?.projection?.dimension).toBe(320);
    serve({ ...large, labelSentences: labels.map(() => 'x'.repeat(4000)) });
    await expect(client.task()).rejects.toMatchObject({ code: 'federation/too-large' });
  });

  it.each<readonly [string, Response | 'lose-request', string]>([
    ['gone', 'lose-request', 'federation/unreachable'],
    ['busy', refusal(503, ''), 'federation/busy'],
    ['asking for patience', refusal(429, ''), 'federation/busy'],
    ['not to be signed for', refusal(401, ''), 'federation/not-authorised'],
    ['a sign-in page', new Response('<html>', { headers: { 'content-type': 'text/html' } }), 'federation/content-type'],
    ['without end', new Response('x'.repeat(400_001), { headers: { 'content-type': 'application/json' } }), 'federation/too-large'],
    ['no JSON', new Response('{', { headers: { 'content-type': 'application/json' } }), 'federation/malformed'],
    ['elsewhere', new Response(null, { status: 304 }), 'federation/malformed'],
    ['refusing for a reason that is a sentence', refusal(403, 'because I say so <b>'), 'federation/turned-away'],
  ])('that is %s is named so', async (_, fault, code) => {
    fake.faults = () => (fault instanceof Response ? fault.clone() : fault);
    const error: unknown = await client.status().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('I say so');
  });

  it('is asked about an invitation without a key: refused where it was used, and not believed where it answers with another', async () => {
    const { invitation } = await client.deal(room);
    fake.faults = () => Response.json({ seat: 1, invitation: 'another' });
    await expect(client.look(invitation)).rejects.toMatchObject({ code: 'federation/malformed' });
    fake.faults = () => null;
    await client.enrol(signer(await makeKey()), invitation);
    const used: unknown = await client.look(invitation).catch((thrown: unknown) => thrown);
    expect(used).toMatchObject({ code: 'federation/turned-away', values: { reason: 'used-invitation' } });
    expect(isInvitationRefused(used)).toBe(true);
    fake.faults = () => refusal(403, 'sign in first');
    expect(isInvitationRefused(await client.look(invitation).catch((thrown: unknown) => thrown))).toBe(false);
    fake.faults = () => refusal(409, 'no-seat-left');
    expect(isInvitationRefused(await client.deal(room).catch((thrown: unknown) => thrown))).toBe(false);
  });

  it('that is none is told from one that is there', async () => {
    for (const answer of [refusal(404, 'no-such-path'), new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } })]) {
      fake.faults = () => answer.clone();
      await expect(client.task()).rejects.toMatchObject({ code: 'federation/none-here' });
    }
  });

  it('is told that a seat is left, by its number or by its invitation, and by its own key alone', async () => {
    const [key, other] = await Promise.all([makeKey(), makeKey()]);
    const { invitation } = await client.deal(room);
    const { seat } = await client.enrol(signer(key), invitation);
    await expect(client.leave(signer(key), { seat: seat + 1 })).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'second-invitation' } });
    await expect(client.leave(signer(other), { seat })).rejects.toMatchObject({ values: { reason: 'not-enrolled' } });
    await client.leave(signer(key), { invitation });
    await client.leave(signer(key), { seat });
    expect(fake.requests.slice(-2).map(({ body }) => JSON.parse(bytesToUtf8(body)) as unknown)).toEqual([{ invitation }, { seat: String(seat) }]);
  });

  it('gets signatures of the address, the federation, the key and the body, each for one call', async () => {
    const key = await makeKey();
    const signed: string[] = [];
    const listening: SigningKey = { ...key, sign: (message) => { signed.push(bytesToUtf8(message)); return key.sign(message); } };
    const { invitation } = await client.deal(room);
    await client.enrol(signer(listening), invitation);
    await client.leave(signer(listening), { seat: 1 });
    await client.model(signer(listening), 8).catch(() => undefined);
    const hex = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    const keyHash = hex(publicKeyPem(key.publicKeySpki));
    const message = (call: string, body: string) => `bedside federation call 1\n${call}\n${fake.taskHash}\n${keyHash}\n${hex(body)}\n2026-11-26T00:00:00.000000+00:00\n`;
    expect(signed).toEqual([message('POST /federation/enrol', `{"invitation":"${invitation}"}`), message('POST /federation/leave', '{"seat":"1"}'), message('GET /federation/model', '')]);
  });

  it('has no model before it has released one', async () => {
    const key = await makeKey();
    await expect(client.model(signer(key), 8)).rejects.toMatchObject({ code: 'federation/turned-away', values: { reason: 'not-enrolled' } });
    await client.enrol(signer(key), (await client.deal(room)).invitation);
    await expect(client.model(signer(key), 8)).rejects.toMatchObject({ code: 'federation/no-model' });
    await fake.release(0, 0, new Float32Array(9));
    await expect(client.model(signer(key), 8)).rejects.toMatchObject({ code: 'federation/too-large' });
  });

  it('corrects this device\'s clock once', async () => {
    const key = await makeKey();
    const { invitation } = await client.deal(room);
    fake.faults = (name, nth) => (name === 'enrol' && nth === 1 ? new Response('{}', { status: 401, headers: { date: 'Thu, 26 Nov 2026 01:00:00 GMT', 'content-type': 'application/json' } }) : null);
    await client.enrol(signer(key), invitation);
    expect(fake.requests.at(-1)!.headers['flwr-timestamp']).toBe('2026-11-26T01:00:00.000000+00:00');
  });
});

describe('a status', () => {
  const good = {
    taskHash: 'ef'.repeat(32), state: 'training', round: 2, roundsPlanned: 5,
    rounds: [{ round: 1, isCounted: true, isKept: false, accepted: 3, dropped: 1, seconds: 7.1, deviceSeconds: 18.9, accuracy: null }],
    participants: { seats: 30, enrolled: 3, left: 0, present: 3, asked: 3, needed: 3 },
    epsilon: { spent: 1.7, perRound: 1.2, total: 3, delta: 1e-5, unit: 'person' },
    central: { noiseMultiplier: 2, cohort: 50, spent: 3.1, perRound: 2.1, total: 5.2, delta: 1e-5, unit: 'participant' },
    initialAccuracy: { correct: 228, total: 300 },
    model: { version: 1, round: 1, sha256: 'ab'.repeat(32), sizeBytes: 6288, signature: 'A'.repeat(128) },
    refused: { replayed: 1, 'Somebody said <b>': 3 },
  };
  it('is taken field by field; what is not known of is left behind', () => {
    const status = readStatus({ ...good, names: ['Ann'] });
    expect(status).toEqual({ ...good, central: { noiseMultiplier: 2, cohort: 50, spent: 3.1, perRound: 2.1, total: 5.2, delta: 1e-5 }, refused: { replayed: 1 } });
    expect(readStatus({ ...good, model: null, initialAccuracy: null, round: null, central: null })).toMatchObject({ model: null, round: null, central: null });
  });

  it.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['another state', { state: 'paused' }],
    ['a task by another name', { taskHash: 'Specialties' }],
    ['half a round', { round: 1.5 }],
    ['rounds without end', { rounds: new Array(1001).fill(good.rounds[0]) }],
    ['a round that is none', { rounds: [null] }],
    ['a count that is a text', { participants: { ...good.participants, present: '3' } }],
    ['a negative count', { participants: { ...good.participants, left: -1 } }],
    ['epsilon that is none', { epsilon: { ...good.epsilon, spent: null } }],
    ['another unit', { epsilon: { ...good.epsilon, unit: 'ward' } }],
    ['more right than there are', { initialAccuracy: { correct: 301, total: 300 } }],
    ['a hash of other letters', { model: { ...good.model, sha256: 'AB'.repeat(32) } }],
    ['a signature that is short', { model: { ...good.model, signature: 'A' } }],
  ])('is refused for %s', (_, change) => {
    expect(() => readStatus({ ...good, ...change })).toThrow(expect.objectContaining({ code: 'federation/malformed' }));
  });
});
