/** For tests on this thread: every transaction that is opened is a numbered point, at which the browser can take it away. */

export const storageFaults = ['the disk is full', 'the transaction is aborted', 'the connection is closed'] as const;
export type StorageFault = (typeof storageFaults)[number];

export interface StoragePoint {
  readonly stores: string;
  readonly isWrite: boolean;
}

/** Watches transactions of all databases from now on, and does `fault` to the one numbered `at`. `stop` puts everything back. */
export function watchStorage(at: number, fault: StorageFault | null): { readonly passed: readonly StoragePoint[]; readonly stop: () => void } {
  const passed: StoragePoint[] = [];
  const full = new WeakSet<IDBTransaction>();
  const { transaction } = IDBDatabase.prototype;
  const { add, put } = IDBObjectStore.prototype;
  const watched = function (this: IDBDatabase, stores: string | string[], mode?: IDBTransactionMode, options?: IDBTransactionOptions): IDBTransaction {
    const isHit = passed.push({ stores: [stores].flat().join('+'), isWrite: mode === 'readwrite' }) - 1 === at && fault !== null;
    // As the handler of a version change does: what is asked of the connection from here on is refused.
    if (isHit && fault === 'the connection is closed') this.close();
    const opened = transaction.call(this, stores, mode, options);
    if (isHit && fault === 'the disk is full') full.add(opened);
    // After the first requests have been made, and before any is answered.
    if (isHit && fault === 'the transaction is aborted') queueMicrotask(() => opened.abort());
    return opened;
  };
  const refusing = (write: typeof add) =>
    function (this: IDBObjectStore, value: unknown, key?: IDBValidKey): IDBRequest<IDBValidKey> {
      if (full.has(this.transaction)) throw new DOMException('full', 'QuotaExceededError');
      return key === undefined ? write.call(this, value) : write.call(this, value, key);
    };
  Object.assign(IDBDatabase.prototype, { transaction: watched });
  Object.assign(IDBObjectStore.prototype, { add: refusing(add), put: refusing(put) });
  return {
    passed,
    stop: () => {
      Object.assign(IDBDatabase.prototype, { transaction });
      Object.assign(IDBObjectStore.prototype, { add, put });
    },
  };
}
