import { describe, expect, it } from 'vitest';
import { hexToBytes } from '../ground/bytes.ts';
import { endpoints } from './endpoints.ts';
import type { Exchange } from './exchange.ts';
import { FleetClient } from './fleet-client.ts';
import { pemToDer } from './recorded/parts.ts';
import { golden, sha256 } from './testing/golden.ts';
import { refuse } from './testing/fake-superlink.ts';
import { fetchTransport, type Fetch } from './transport.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
const spki = pemToDer(golden.auth.public_key_pem);

async function clientOf(send: Fetch, nowMs: () => number): Promise<{ client: FleetClient; exchanges: Exchange[] }> {
  const privateKey = await crypto.subtle.importKey('pkcs8', pemToDer(golden.auth.private_key_pkcs8_pem), algorithm, false, ['sign']);
  const exchanges: Exchange[] = [];
  const client = new FleetClient({
    transport: fetchTransport('https://federation.example', send),
    key: { publicKeySpki: spki, sign: async (message) => new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, message)) },
    clock: { nowMs },
    sha256,
    onExchange: (exchange) => exchanges.push(exchange),
  });
  return { client, exchanges };
}

const protobuf = { 'content-type': 'application/protobuf' };
const now = () => Date.parse(golden.auth.timestamp);
const once = (response: () => Response) => async () => clientOf(() => Promise.resolve(response()), now);
const heartbeat = { node: { nodeId: 7n }, heartbeatIntervalSeconds: 30 };

describe('answers that are none', () => {
  it.each([
    ['a sign-in page', () => new Response('<html>', { headers: { 'content-type': 'text/html; charset=utf-8' } }), 'federation/content-type'],
    ['no content type', () => new Response(Uint8Array.of(8, 1)), 'federation/content-type'],
    ['bytes that are no message', () => new Response(hexToBytes('ff'), { headers: protobuf }), 'federation/malformed'],
    ['a long body', () => new Response(new Uint8Array(5000), { headers: protobuf }), 'federation/too-large'],
    ['a long body that was announced', () => new Response(new Uint8Array(10), { headers: { ...protobuf, 'content-length': '5000000' } }), 'federation/too-large'],
    ['too many requests', () => refuse(429), 'federation/busy'],
    ['an error of the server', () => refuse(500), 'federation/busy'],
    ['a refusal without a number', () => Response.json({ reason: 'not-enrolled', detail: 'no' }, { status: 403 }), 'federation/refused'],
    ['a refusal of somebody else\'s', () => new Response('<html>', { status: 403, headers: { 'content-type': 'text/html' } }), 'federation/content-type'],
    ['status 204', () => new Response(null, { status: 204 }), 'federation/malformed'],
  ])('%s', async (_, response, code) => {
    const { client, exchanges } = await once(response)();
    await expect(client.call(endpoints.heartbeat, heartbeat)).rejects.toMatchObject({ code });
    expect(exchanges).toHaveLength(1);
  });

  it('a body without end is not read to its end', async () => {
    let pulled = 0;
    const endless = () => new ReadableStream<Uint8Array>({ pull: (controller) => { pulled++; controller.enqueue(new Uint8Array(1024)); } });
    const { client } = await once(() => new Response(endless(), { headers: protobuf }))();
    await expect(client.call(endpoints.heartbeat, heartbeat)).rejects.toMatchObject({ code: 'federation/too-large' });
    expect(pulled).toBeLessThan(20);
  });

  it('no answer; the call is listed all the same, for it may have arrived', async () => {
    const { client, exchanges } = await clientOf(() => Promise.reject(new TypeError('Failed to fetch')), now);
    await expect(client.call(endpoints.heartbeat, heartbeat)).rejects.toMatchObject({ code: 'federation/unreachable' });
    expect(exchanges).toMatchObject([{ endpoint: 'send-node-heartbeat', status: 0, sentBytes: 13 }]);
  });
});

describe('requests', () => {
  it('carry no cookies, follow no redirect, and are not cached', async () => {
    const seen: (RequestInit & { readonly url: string })[] = [];
    const { client } = await clientOf((url, init) => { seen.push({ url, ...init }); return Promise.resolve(new Response(hexToBytes('0801'), { headers: protobuf })); }, now);
    await client.call(endpoints.heartbeat, heartbeat);
    expect(seen[0]).toMatchObject({ url: 'https://federation.example/v1/fleet/send-node-heartbeat', method: 'POST', body: hexToBytes('0a020807110000000000003e40'), credentials: 'omit', redirect: 'error', cache: 'no-store', referrerPolicy: 'no-referrer' });
  });

  it('that are too large are not sent', async () => {
    const { client, exchanges } = await once(() => new Response())();
    await expect(client.call(endpoints.register, { publicKey: new Uint8Array(5000) })).rejects.toMatchObject({ code: 'federation/too-large' });
    expect(exchanges).toEqual([]);
  });
});

describe('the clock', () => {
  it('is set once from the server\'s Date after a 401, and stays set', async () => {
    const serverMs = now() + 7_200_000;
    const timestamps: string[] = [];
    const { client } = await clientOf((_, init) => {
      const timestamp = new Headers(init.headers).get('flwr-timestamp')!;
      timestamps.push(timestamp);
      const isRight = Math.abs(Date.parse(timestamp) - serverMs) < 5000;
      return Promise.resolve(isRight ? new Response(hexToBytes('0801'), { headers: protobuf }) : refuse(401, undefined, { date: new Date(serverMs).toUTCString() }));
    }, now);
    expect(await client.call(endpoints.heartbeat, heartbeat)).toEqual({ success: true });
    expect(await client.call(endpoints.heartbeat, heartbeat)).toEqual({ success: true });
    expect(timestamps).toHaveLength(3);
  });

  it('is not blamed where it is right: one call, then words', async () => {
    const { client, exchanges } = await once(() => refuse(401, undefined, { date: new Date(now()).toUTCString() }))();
    await expect(client.call(endpoints.heartbeat, heartbeat)).rejects.toMatchObject({ code: 'federation/not-authorised' });
    expect(exchanges).toHaveLength(1);
  });

  it('is not followed for ever: a server that names another time each time gets two calls', async () => {
    let hours = 0;
    const { client, exchanges } = await once(() => refuse(401, undefined, { date: new Date(now() + 3_600_000 * ++hours).toUTCString() }))();
    await expect(client.call(endpoints.heartbeat, heartbeat)).rejects.toMatchObject({ code: 'federation/not-authorised' });
    expect(exchanges).toHaveLength(2);
  });
});
