import { cdp } from 'vitest/browser';

/**
 * For tests: lets the origin keep nothing more while `action` runs, by Chromium's own quota check.
 * IndexedDB remembers the space it once saw for some seconds, so `action` must repeat its write until it fails.
 */
export async function withFullDisk(action: () => Promise<void>): Promise<void> {
  await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize: 1 });
  try {
    await action();
  } finally {
    await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin });
  }
}
