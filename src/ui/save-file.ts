/** The one place where the page writes a file: of what may leave, and of nothing else. */
import type { Releasable } from '../privacy/doors.ts';

function download(blob: Blob, fileName: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Offers a file as a download: it is written by the browser, on this device. */
export function saveFile({ value }: Releasable<Blob>, fileName: string): void {
  download(value, fileName);
}

/** `saveFile` of a text. */
export function saveText({ value }: Releasable<string>, fileName: string, type: 'application/json' | 'text/csv'): void {
  download(new Blob([value], { type }), fileName);
}

/** A project's name as part of a file name. */
export function fileStem(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^-+|-+$/g, '') || 'bedside';
}
