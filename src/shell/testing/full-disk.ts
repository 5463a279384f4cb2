/** For tests on this thread: writes of `action` to the stores named, or to all, are refused as a full disk refuses them, inside their transaction. */
export async function withFullDisk(action: () => Promise<void>, stores: readonly string[] | null = null): Promise<void> {
  const { add, put } = IDBObjectStore.prototype;
  const refusing = (write: typeof add) =>
    function (this: IDBObjectStore, value: unknown, key?: IDBValidKey): IDBRequest<IDBValidKey> {
      if (stores === null || stores.includes(this.name)) throw new DOMException('full', 'QuotaExceededError');
      return key === undefined ? write.call(this, value) : write.call(this, value, key);
    };
  Object.assign(IDBObjectStore.prototype, { add: refusing(add), put: refusing(put) });
  try {
    await action();
  } finally {
    Object.assign(IDBObjectStore.prototype, { add, put });
  }
}
