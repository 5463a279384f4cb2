import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8ToBytes } from '../ground/bytes.ts';
import type { NodeRecord } from '../federation/node-record.ts';
import { asTheOnlyTab } from './federation-lock.ts';
import type { MembershipRecord } from './federation-membership.ts';
import { openFederationStore, type FederationStore } from './federation-store.ts';
import { withFullDisk } from './testing/full-disk.ts';

const record: NodeRecord = {
  version: 1,
  taskHash: 'ab'.repeat(32),
  membership: { state: 'member', nodeId: 2n ** 63n + 5n },
  rounds: [{ taskHash: 'ab'.repeat(32), messageId: 'cd'.repeat(32), round: 1, modelId: 'ef'.repeat(32), atMs: 5, outcome: 'delivered', spentNoiseMultiplier: 4, reason: null, replyId: null, clamps: [] }],
  work: {
    step: 'confirming',
    instruction: {
      metadata: { runId: 2n ** 64n - 1n, messageId: 'cd'.repeat(32), sourceNodeId: 1n, destinationNodeId: 2n, replyToMessageId: '', groupId: '', ttlSeconds: 3, messageType: 'train', createdAtSeconds: 1.5, sourceTaskId: 9n, destinationTaskId: undefined },
      tree: { objectId: 'cd'.repeat(32), children: [] },
    },
    contents: new Map([['cd'.repeat(32), Uint8Array.of(1, 2, 3)]]),
  },
};

describe('federation store', () => {
  let name: string;
  let store: FederationStore;
  beforeEach(async () => {
    name = `federation-test-${crypto.randomUUID()}`;
    store = await openFederationStore(name);
  });
  afterEach(async () => {
    store.close();
    await deleteDB(name);
  });

  it('is empty at first, and keeps ids above 2^63 and bytes over a reopening', async () => {
    expect(await store.load()).toBeNull();
    await store.save(record);
    store.close();
    store = await openFederationStore(name);
    expect(await store.load()).toEqual(record);
  });

  it('keeps one key that signs and cannot be read out', async () => {
    const key = await store.signingKey();
    store.close();
    store = await openFederationStore(name);
    const again = await store.signingKey();
    expect(again.publicKeySpki).toEqual(key.publicKeySpki);
    const message = utf8ToBytes('2026-11-24T02:00:00.123000+00:00');
    const publicKey = await crypto.subtle.importKey('spki', new Uint8Array(key.publicKeySpki), { name: 'ECDSA', namedCurve: 'P-384' }, true, ['verify']);
    expect(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, new Uint8Array(await again.sign(message)), message)).toBe(true);
    const kept = await new Promise<CryptoKeyPair>((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onerror = () => reject(new Error('not opened'));
      opening.onsuccess = () => {
        const request = opening.result.transaction('keys').objectStore('keys').get('node') as IDBRequest<CryptoKeyPair>;
        request.onsuccess = () => {
          opening.result.close();
          resolve(request.result);
        };
      };
    });
    expect(kept.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('pkcs8', kept.privateKey)).rejects.toThrow();
  });

  it('keeps a membership and its first model over a reopening, and forgets it when told', async () => {
    const task = { name: 'A', coordinator: 'B', labels: ['a', 'b'], labelSentences: ['An a.', 'A b.'], baseModel: 'ab'.repeat(32), coordinates: 2, rounds: 3, unit: 'row', clipNorm: 1, noiseMultiplier: 4, delta: 1e-5, updateNormBound: 2 } as const;
    const membership: MembershipRecord = { version: 1, task, taskHash: 'ab'.repeat(32), projectId: 'p', epsilonLimit: 3, link: null, seat: 2, seats: 5, ended: null, models: [], first: { version: 0, round: 0, weights: Float32Array.of(1, 2) } };
    expect(await store.membership()).toBeNull();
    await store.saveMembership(membership);
    store.close();
    store = await openFederationStore(name);
    expect(await store.membership()).toEqual(membership);
    await store.saveMembership(null);
    expect(await store.membership()).toBeNull();
  });

  it('keeps what each room dealt over a reopening, until it is used', async () => {
    expect(await store.dealtInvitation('room')).toBeNull();
    await store.saveDealt('room', 'first');
    await store.saveDealt('room', 'second');
    await store.saveDealt('other room', 'third');
    store.close();
    store = await openFederationStore(name);
    expect(await store.dealtInvitation('room')).toBe('second');
    await store.forgetDealt('second');
    expect([await store.dealtInvitation('room'), await store.dealtInvitation('other room')]).toEqual([null, 'third']);
  });

  it('takes up what an older version kept', async () => {
    store.close();
    await deleteDB(name);
    const old = await openDB(name, 1, { upgrade: (database) => ['nodes', 'keys'].forEach((one) => database.createObjectStore(one)) });
    await old.put('nodes', record, 'node');
    old.close();
    store = await openFederationStore(name);
    expect(await store.load()).toEqual(record);
    expect(await store.membership()).toBeNull();
    expect(await store.dealtInvitation('room')).toBeNull();
  });

  it('lists bodies that left, the same ones on one line, and adds up the oldest of too many by their call', async () => {
    store.close();
    store = await openFederationStore(name, 4);
    const body = (endpoint: string, at: number, sha256 = `${endpoint}-${at}`) => store.listSent({ endpoint, atMs: at, bytes: sha256 === 'same' ? 12 : 10 + at, sha256 });
    await body('enrol', 1);
    for (const at of [2, 3, 4]) await body('poll', at, 'same');
    expect(await store.sentLines()).toEqual([
      { endpoint: 'enrol', sha256: 'enrol-1', bytes: 11, times: 1, firstAtMs: 1, lastAtMs: 1 },
      { endpoint: 'poll', sha256: 'same', bytes: 12, times: 3, firstAtMs: 2, lastAtMs: 4 },
    ]);
    for (const at of [5, 6, 7, 8]) await body('push', at);
    store.close();
    store = await openFederationStore(name, 4);
    await body('poll', 9, 'same');
    const lines = await store.sentLines();
    // 11 of the seat, 4 polls of 12, and pushes of 15, 16, 17 and 18: nothing is lost of the sum.
    expect(lines.reduce((sum, { sha256, bytes, times }) => sum + (sha256 === null ? bytes : bytes * times), 0)).toBe(11 + 48 + 66);
    expect(lines.map(({ endpoint, sha256 }) => `${endpoint} ${sha256}`)).toEqual(['enrol null', 'poll null', 'push null', 'poll same']);
  });

  it('counts what came over a reopening, several answers at once as well', async () => {
    expect(await store.receivedBytes()).toBe(0);
    await Promise.all([5, 7, 11].map((bytes) => store.countReceived(bytes)));
    store.close();
    store = await openFederationStore(name);
    await store.countReceived(1);
    expect(await store.receivedBytes()).toBe(24);
  });

  it('destroys a key that was not used', async () => {
    const { publicKeySpki } = await store.signingKey();
    await store.destroyKey();
    expect((await store.signingKey()).publicKeySpki).not.toEqual(publicKeySpki);
  });

  it('two tabs that make a key at once get the same one', async () => {
    const second = await openFederationStore(name);
    const keys = await Promise.all([store.signingKey(), second.signingKey()]);
    second.close();
    expect(keys[0].publicKeySpki).toEqual(keys[1].publicKeySpki);
  });

  it('destroys the key with the last record; the next key is another', async () => {
    const key = await store.signingKey();
    const left: NodeRecord = { ...record, membership: { state: 'left', wasServerTold: true }, work: null };
    await store.saveWithoutKey(left);
    expect(await store.load()).toEqual(left);
    expect((await store.signingKey()).publicKeySpki).not.toEqual(key.publicKeySpki);
  });

  it('a write that fails changes neither record nor key', async () => {
    await store.save(record);
    const key = await store.signingKey();
    await withFullDisk(() => expect(store.saveWithoutKey({ ...record, work: null })).rejects.toMatchObject({ family: 'storage' }));
    expect(await store.load()).toEqual(record);
    expect((await store.signingKey()).publicKeySpki).toEqual(key.publicKeySpki);
  });
});

describe('one tab', () => {
  it('acts at a time; the next one may when it has ended', async () => {
    let end = () => {};
    const first = asTheOnlyTab(() => new Promise<string>((resolve) => { end = () => resolve('done'); }));
    await expect.poll(() => asTheOnlyTab(() => Promise.resolve('second')).catch((error: { code: string }) => error.code)).toBe('federation/another-tab');
    end();
    expect(await first).toBe('done');
    expect(await asTheOnlyTab(() => Promise.resolve('second'))).toBe('second');
  });
});
