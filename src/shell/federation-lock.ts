import { BedsideError } from '../ground/errors.ts';

export const federationLockName = 'bedside-federation';

export function anotherTab(): BedsideError {
  return new BedsideError('federation/another-tab', 'settings', 'Another tab of Bedside takes part in the federation for this device.', 'Go on in that tab, or close it and try again.');
}

/** Runs `action` while no other tab acts as this device's node: the server hands each message to one caller only. */
export function asTheOnlyTab<Result>(action: () => Promise<Result>): Promise<Result> {
  return navigator.locks.request(federationLockName, { ifAvailable: true }, async (lock) => {
    if (lock === null) throw anotherTab();
    return action();
  });
}
