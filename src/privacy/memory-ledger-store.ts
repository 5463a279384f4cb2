import { BedsideError } from '../ground/errors.ts';
import type { LedgerEntry, LedgerHead, LedgerStore } from './events.ts';

export interface MemoryLedgerStore extends LedgerStore {
  /** What is stored; a test may damage it. */
  entries: LedgerEntry[];
  head: LedgerHead | null;
  /** Called before and after the write of each append: throwing before it loses the entries, throwing after it loses the answer alone. */
  beforeAppend: (entries: readonly LedgerEntry[]) => void | Promise<void>;
  afterAppend: (entries: readonly LedgerEntry[]) => void | Promise<void>;
  /** Called before each read. */
  beforeRead: () => void | Promise<void>;
}

/** A ledger store that forgets when the program ends, and fails on demand. For tests and for runs whose spending is nobody's. */
export function createMemoryLedgerStore(): MemoryLedgerStore {
  const nothing = () => undefined;
  const store: MemoryLedgerStore = {
    entries: [],
    head: null,
    beforeAppend: nothing,
    afterAppend: nothing,
    beforeRead: nothing,
    async read() {
      await store.beforeRead();
      return { entries: [...store.entries], head: store.head };
    },
    async append(entries, after) {
      await store.beforeAppend(entries);
      if (store.head?.hash !== after?.hash || store.head?.count !== after?.count) {
        throw new BedsideError('storage/ledger-moved-on', 'storage', 'The ledger was written to by another. Nothing was written.', 'Try again.');
      }
      const last = entries.at(-1);
      if (last) {
        store.entries = [...store.entries, ...entries];
        store.head = { count: store.entries.length, hash: last.hash };
      }
      await store.afterAppend(entries);
    },
  };
  return store;
}
