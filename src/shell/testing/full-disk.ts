/** For tests on this thread: every write of `action` is refused as a full disk refuses it, inside its transaction. */
export async function withFullDisk(action: () => Promise<void>): Promise<void> {
  const { add, put } = IDBObjectStore.prototype;
  const refuse = (): never => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  Object.assign(IDBObjectStore.prototype, { add: refuse, put: refuse });
  try {
    await action();
  } finally {
    Object.assign(IDBObjectStore.prototype, { add, put });
  }
}
