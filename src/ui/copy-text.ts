import type { Releasable } from '../privacy/doors.ts';

/** The one place where the page writes to the clipboard. Rejects where the browser refuses. */
export function copyText({ value }: Releasable<string>): Promise<void> {
  return navigator.clipboard.writeText(value);
}
