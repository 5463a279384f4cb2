import { notATableError } from './data-errors.ts';

const saveAsCsv = 'Open it in a spreadsheet, choose "Save as", take CSV (UTF-8), and open that file here.';
const exportCsv = 'Export the table behind it as CSV and open that file here.';
const unpack = 'Unpack it and open the CSV file inside.';
const notText = 'Choose a file with one note a row, saved as CSV, TSV or JSON Lines.';

interface Signature {
  /** Latin-1 text the file starts with. */
  readonly start: string;
  readonly kind: string;
  readonly advice: string;
}

const signatures: readonly Signature[] = [
  { start: '%PDF-', kind: 'a PDF', advice: exportCsv },
  { start: '\xD0\xCF\x11\xE0', kind: 'an old Excel or Word file', advice: saveAsCsv },
  { start: '{\\rtf', kind: 'a rich text document', advice: exportCsv },
  { start: '\x1F\x8B', kind: 'a gzip archive', advice: unpack },
  { start: '7z\xBC\xAF\x27\x1C', kind: 'a 7z archive', advice: unpack },
  { start: 'Rar!\x1A\x07', kind: 'a RAR archive', advice: unpack },
  { start: '\x89PNG', kind: 'an image (PNG)', advice: notText },
  { start: '\xFF\xD8\xFF', kind: 'an image (JPEG)', advice: notText },
  { start: 'GIF8', kind: 'an image (GIF)', advice: notText },
  { start: 'II*\0', kind: 'an image (TIFF)', advice: notText },
  { start: 'MM\0*', kind: 'an image (TIFF)', advice: notText },
  { start: 'RIFF', kind: 'a sound, image or video file', advice: notText },
  { start: 'SQLite format 3', kind: 'a SQLite database', advice: exportCsv },
  { start: 'PAR1', kind: 'a Parquet file', advice: exportCsv },
  { start: '<!DOCTYPE html', kind: 'a web page', advice: exportCsv },
  { start: '<html', kind: 'a web page', advice: exportCsv },
  { start: '<?xml', kind: 'an XML file', advice: exportCsv },
];

function latin1(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, length));
}

function zipKind(head: string): Signature {
  if (/xl\/|\[Content_Types\]\.xml/.test(head) && !/word\/|ppt\//.test(head)) return { start: 'PK', kind: 'an Excel file', advice: saveAsCsv };
  if (head.includes('opendocument.spreadsheet')) return { start: 'PK', kind: 'an OpenDocument spreadsheet', advice: saveAsCsv };
  if (/word\//.test(head) || head.includes('opendocument.text')) return { start: 'PK', kind: 'a text document', advice: exportCsv };
  return { start: 'PK', kind: 'a ZIP archive', advice: unpack };
}

/** Share of control characters that no text has, among the first 4 KiB. */
function controlShare(bytes: Uint8Array): number {
  const head = bytes.subarray(0, 4096);
  let controls = 0;
  for (const byte of head) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13) controls++;
  return head.length === 0 ? 0 : controls / head.length;
}

/**
 * Throws where the bytes are a document, archive, image or other binary.
 * @param isWideText true for UTF-16, whose zero bytes are no sign of a binary
 */
export function refuseOtherKinds(bytes: Uint8Array, isWideText: boolean): void {
  const head = latin1(bytes, 4096);
  if (head.startsWith('PK\x03\x04') || head.startsWith('PK\x05\x06')) {
    const { kind, advice } = zipKind(head);
    throw notATableError(kind, advice);
  }
  const known = signatures.find(({ start }) => head.slice(0, start.length).toLowerCase() === start.toLowerCase());
  if (known !== undefined) throw notATableError(known.kind, known.advice);
  if (!isWideText && (head.includes('\0') || controlShare(bytes) > 0.02)) throw notATableError('a binary file', notText);
}
