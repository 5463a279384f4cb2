import type { DBSchema, IDBPDatabase } from 'idb';
import type { NodeRecord, NodeStore } from '../federation/node-record.ts';
import { addedUp, MOST_LINES, withBody, type SentBody, type SentLine } from '../federation/sent-body.ts';
import type { SigningKey } from '../federation/signing.ts';
import type { MembershipRecord } from './federation-membership.ts';
import { openDatabase } from './open-database.ts';
import { inTransaction } from './transaction.ts';

interface FederationSchema extends DBSchema {
  /** The one node of this installation under 'node'. */
  nodes: { key: string; value: NodeRecord };
  /** Its key pair under 'node'; the private half cannot be read out, by nobody. */
  keys: { key: string; value: CryptoKeyPair };
  /** Which project takes part in what, and what came back, under 'node'. */
  memberships: { key: string; value: MembershipRecord };
  /** Invitations that rooms dealt and that were not used yet, by the token of the room's link. */
  dealt: { key: string; value: string };
  /** Every body that left, by call and hash; under the call alone, older ones that were added up. */
  sent: { key: string; value: SentLine; indexes: { last: number } };
  /** Bytes of every answer, under 'node'. */
  received: { key: string; value: number };
}

export const federationDatabaseName = 'bedside-federation';
const nodeKey = 'node';
const algorithm = { name: 'ECDSA', namedCurve: 'P-384' } as const;

export interface FederationStore extends NodeStore {
  /** The node's key, made where there is none; after `saveWithoutKey` a new one. */
  signingKey(): Promise<SigningKey>;
  /** Destroys the key of a node that was never registered. */
  destroyKey(): Promise<void>;
  /** Null where this device has never joined. */
  membership(): Promise<MembershipRecord | null>;
  /** Null forgets it. */
  saveMembership(record: MembershipRecord | null): Promise<void>;
  /** The invitation that a room dealt to this device, null where there is none that may still be used. */
  dealtInvitation(room: string): Promise<string | null>;
  saveDealt(room: string, invitation: string): Promise<void>;
  /** Of whichever room dealt it. */
  forgetDealt(invitation: string): Promise<void>;
  /** Writes a body down; past `mostLines` different ones those that were not seen for longest are added up. */
  listSent(body: SentBody): Promise<void>;
  /** Every body that left this device, oldest first, of whichever membership. */
  sentLines(): Promise<readonly SentLine[]>;
  countReceived(bytes: number): Promise<void>;
  /** Of whichever membership. */
  receivedBytes(): Promise<number>;
  close(): void;
}

/** Opens the federation's own small database. Every save is strictly durable, but for the list of what left and the count of what came. */
export async function openFederationStore(name: string = federationDatabaseName, mostLines: number = MOST_LINES): Promise<FederationStore> {
  const database = await openFederationDatabase(name);
  const store: FederationStore = {
    load: () => inTransaction(database, ['nodes'], 'readonly', async (transaction) => (await transaction.objectStore('nodes').get(nodeKey)) ?? null),

    save: (record) => inTransaction(database, ['nodes'], 'readwrite', async (transaction) => void (await transaction.objectStore('nodes').put(record, nodeKey)), 'strict'),

    saveWithoutKey: (record) =>
      inTransaction(
        database,
        ['nodes', 'keys'],
        'readwrite',
        async (transaction) => {
          await Promise.all([transaction.objectStore('nodes').put(record, nodeKey), transaction.objectStore('keys').delete(nodeKey)]);
        },
        'strict',
      ),

    async signingKey() {
      // Made before the transaction, which ends while it waits for anything else; not kept where there is one already.
      const fresh = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
      const pair = await inTransaction(
        database,
        ['keys'],
        'readwrite',
        async (transaction) => {
          const keys = transaction.objectStore('keys');
          const known = await keys.get(nodeKey);
          if (known) return known;
          await keys.put(fresh, nodeKey);
          return fresh;
        },
        'strict',
      );
      return webCryptoKey(pair);
    },

    destroyKey: () => inTransaction(database, ['keys'], 'readwrite', (transaction) => transaction.objectStore('keys').delete(nodeKey), 'strict'),

    membership: () => inTransaction(database, ['memberships'], 'readonly', async (transaction) => (await transaction.objectStore('memberships').get(nodeKey)) ?? null),

    saveMembership: (record) =>
      inTransaction(
        database,
        ['memberships'],
        'readwrite',
        async (transaction) => {
          const memberships = transaction.objectStore('memberships');
          await (record === null ? memberships.delete(nodeKey) : memberships.put(record, nodeKey));
        },
        'strict',
      ),

    dealtInvitation: (room) => inTransaction(database, ['dealt'], 'readonly', async (transaction) => (await transaction.objectStore('dealt').get(room)) ?? null),

    saveDealt: (room, invitation) => inTransaction(database, ['dealt'], 'readwrite', async (transaction) => void (await transaction.objectStore('dealt').put(invitation, room)), 'strict'),

    forgetDealt: (invitation) =>
      inTransaction(
        database,
        ['dealt'],
        'readwrite',
        async (transaction) => {
          for (let cursor = await transaction.objectStore('dealt').openCursor(); cursor; cursor = await cursor.continue()) if (cursor.value === invitation) await cursor.delete();
        },
        'strict',
      ),

    listSent: (body) =>
      // Not strict: a poll every few seconds would keep the disk busy, and a browser that crashes loses none of it.
      inTransaction(database, ['sent'], 'readwrite', async (transaction) => {
        const sent = transaction.objectStore('sent');
        const key = `${body.endpoint} ${body.sha256}`;
        await sent.put(withBody(await sent.get(key), body), key);
        let tooMany = (await sent.count()) - mostLines;
        for (let cursor = tooMany > 0 ? await sent.index('last').openCursor() : null; cursor && tooMany > 0; cursor = await cursor.continue()) {
          const line = cursor.value;
          if (line.sha256 === null || cursor.primaryKey === key) continue;
          await cursor.delete();
          await sent.put(addedUp(await sent.get(line.endpoint), line), line.endpoint);
          tooMany--;
        }
      }),

    sentLines: async () => (await inTransaction(database, ['sent'], 'readonly', (transaction) => transaction.objectStore('sent').getAll())).sort((a, b) => a.firstAtMs - b.firstAtMs || a.lastAtMs - b.lastAtMs),

    countReceived: (bytes) =>
      // As relaxed as the list of what left.
      inTransaction(database, ['received'], 'readwrite', async (transaction) => {
        const received = transaction.objectStore('received');
        await received.put(((await received.get(nodeKey)) ?? 0) + bytes, nodeKey);
      }),

    receivedBytes: () => inTransaction(database, ['received'], 'readonly', async (transaction) => (await transaction.objectStore('received').get(nodeKey)) ?? 0),

    close: () => database.close(),
  };
  return store;
}

/** A key pair of WebCrypto as a node signs with it. */
export async function webCryptoKey({ publicKey, privateKey }: CryptoKeyPair): Promise<SigningKey> {
  return {
    publicKeySpki: new Uint8Array(await crypto.subtle.exportKey('spki', publicKey)),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, message)),
  };
}

function openFederationDatabase(name: string): Promise<IDBPDatabase<FederationSchema>> {
  return openDatabase<FederationSchema>(name, 5, (database, from) => {
    // One step a version; a step is never changed once it has been released.
    if (from < 1) {
      database.createObjectStore('nodes');
      database.createObjectStore('keys');
    }
    if (from < 2) database.createObjectStore('memberships');
    if (from < 3) database.createObjectStore('dealt');
    if (from < 4) database.createObjectStore('sent').createIndex('last', 'lastAtMs');
    if (from < 5) database.createObjectStore('received');
  });
}
