import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../privacy/events.ts';
import { withFullDisk } from './testing/full-disk.ts';
import { openLedgerStore, type DurableLedgerStore } from './ledger-store.ts';

function entry(sequence: number, padding = ''): LedgerEntry {
  return { sequence, recordedAtMs: 0, event: { kind: 'run', id: `event-${sequence}${padding}`, runId: 'run', state: 'started' }, previous: `hash-${sequence - 1}`, hash: `hash-${sequence}` };
}

describe('ledger store', () => {
  let name: string;
  let store: DurableLedgerStore;
  beforeEach(async () => {
    name = `ledger-test-${crypto.randomUUID()}`;
    store = await openLedgerStore(name);
  });
  afterEach(async () => {
    store.close();
    await deleteDB(name);
  });

  it('is empty at first', async () => {
    expect(await store.read()).toEqual({ entries: [], head: null });
  });

  it('keeps entries and head over a reopening', async () => {
    await store.append([entry(0), entry(1)], null);
    await store.append([entry(2)], { count: 2, hash: 'hash-1' });
    store.close();
    store = await openLedgerStore(name);
    const { entries, head } = await store.read();
    expect(entries.map((one) => one.sequence)).toEqual([0, 1, 2]);
    expect(head).toEqual({ count: 3, hash: 'hash-2' });
  });

  it('refuses an append after a head that is not the stored one, and changes nothing', async () => {
    await store.append([entry(0)], null);
    await expect(store.append([entry(1)], null)).rejects.toMatchObject({ code: 'storage/ledger-moved-on', family: 'storage' });
    await expect(store.append([entry(1)], { count: 1, hash: 'another' })).rejects.toMatchObject({ code: 'storage/ledger-moved-on' });
    expect(await store.read()).toEqual({ entries: [entry(0)], head: { count: 1, hash: 'hash-0' } });
  });

  it('lets one of two tabs win when both append after the same head', async () => {
    const second = await openLedgerStore(name);
    const outcomes = await Promise.allSettled([store.append([entry(0)], null), second.append([entry(0)], null)]);
    second.close();
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await store.read()).head).toEqual({ count: 1, hash: 'hash-0' });
  });

  it('undoes the entries with the head when one entry cannot be added', async () => {
    await store.append([entry(0)], null);
    await expect(store.append([entry(1), entry(0)], { count: 1, hash: 'hash-0' })).rejects.toMatchObject({ family: 'storage' });
    expect(await store.read()).toEqual({ entries: [entry(0)], head: { count: 1, hash: 'hash-0' } });
  });

  it('keeps what it had when the disk is full, and goes on once there is room', async () => {
    await store.append([entry(0)], null);
    await withFullDisk(async () => {
      await expect(store.append([entry(1)], { count: 1, hash: 'hash-0' })).rejects.toMatchObject({ code: 'storage/quota-exceeded', family: 'storage' });
    });
    expect(await store.read()).toEqual({ entries: [entry(0)], head: { count: 1, hash: 'hash-0' } });
    await store.append([entry(1)], { count: 1, hash: 'hash-0' });
    expect((await store.read()).head?.count).toBe(2);
  });

  it('says that a blocked upgrade needs the other tabs closed', async () => {
    const blockedName = `${name}-blocked`;
    // Version 0.x of nobody: an open connection that ignores versionchange, as a hung tab would.
    const request = indexedDB.open(blockedName, 1);
    const stubborn = await new Promise<IDBDatabase>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error('not opened'));
    });
    const newer = openDB(blockedName, 2, { blocked: () => stubborn.close() });
    (await newer).close();
    await expect(openLedgerStore(blockedName)).rejects.toMatchObject({ family: 'storage' });
    await deleteDB(blockedName);
  });

  it('makes one installation key and keeps it', async () => {
    const [first, second] = await Promise.all([store.installationKey(), store.installationKey()]);
    expect(first).toHaveLength(32);
    expect(second).toEqual(first);
    await store.erase();
    expect(await store.installationKey()).not.toEqual(first);
  });
});
