import { BedsideError } from '../ground/errors.ts';

/** The browser has no room left; the write was undone as a whole. */
export function quotaExceeded(): BedsideError {
  return new BedsideError('storage/quota-exceeded', 'storage', 'There is no room left to save. What was saved before is unchanged.', 'Free space on this device, or clear caches and old projects under Settings, then try again.');
}

/** A write was undone as a whole for a reason of the browser's. */
export function writeAborted(name: string): BedsideError {
  return new BedsideError('storage/write-aborted', 'storage', `The browser undid a write (${name}). What was saved before is unchanged.`, 'Try again; if it happens again, free space on this device.', { name });
}

/** Another tab holds an older version of the database open. */
export function upgradeBlocked(): BedsideError {
  return new BedsideError('storage/upgrade-blocked', 'storage', 'Another tab holds an older version of Bedside open, so saved projects cannot be opened here.', 'Close the other tabs of Bedside and reload this one.');
}

/** A newer version of the app has been opened in another tab and takes the database over. */
export function databaseClosed(): BedsideError {
  return new BedsideError('storage/closed', 'storage', 'The connection to saved projects was closed, by a newer version of Bedside in another tab or by the browser.', 'Reload this page.');
}

/** Private windows of some browsers and locked-down machines have no IndexedDB. */
export function storageUnavailable(name: string): BedsideError {
  return new BedsideError('storage/unavailable', 'storage', `This browser does not let Bedside save anything here (${name}).`, 'Leave private browsing, or allow this site to store data, then reload.', { name });
}

/** The ledger may only be written where the browser promises that the write survives a power cut. */
export function notDurable(found: string): BedsideError {
  return new BedsideError('storage/not-durable', 'storage', `The ledger needs strictly durable storage, the browser offers "${found}".`, 'Use a current Chrome, Edge, Firefox or Safari; private training is off until then.', { found });
}

/** Somebody else appended to the ledger in between. */
export function ledgerMovedOn(expected: number, found: number): BedsideError {
  return new BedsideError('storage/ledger-moved-on', 'storage', `The ledger has ${found} entries where ${expected} were expected: another tab has written to it. Nothing was written.`, 'Close other tabs of Bedside, or wait until their run has ended, then try again.', { expected, found });
}

/** A project cannot go while one of its runs goes on: nobody could stop that run any more. */
export function runGoesOn(): BedsideError {
  return new BedsideError('storage/run-goes-on', 'storage', 'A run of this project is still going on. Nothing was deleted.', 'Stop it on the Train page, or wait until it has ended.');
}

/** A run goes on already, here or in another tab. */
export function otherTabTrains(): BedsideError {
  return new BedsideError('storage/other-tab', 'storage', 'Another run, or an attack of the lab, is going on, in this tab or another one.', 'Wait until it has finished, or open its project and stop it there.');
}

/** Something that was saved is not there, or is not what was saved. */
export function recordMissing(what: string): BedsideError {
  return new BedsideError('storage/missing', 'storage', `The saved ${what} is not there.`, 'Go back to the start page; it may have been deleted in another tab.', { what });
}

/** Gives any failure of IndexedDB its words; passes errors of ours through. */
export function toStorageError(error: unknown): unknown {
  if (error instanceof BedsideError) return error;
  if (!(error instanceof DOMException)) return error;
  switch (error.name) {
    case 'QuotaExceededError':
      return quotaExceeded();
    case 'InvalidStateError':
      return databaseClosed();
    case 'SecurityError':
    case 'NotSupportedError':
      return storageUnavailable(error.name);
    default:
      return writeAborted(error.name);
  }
}
