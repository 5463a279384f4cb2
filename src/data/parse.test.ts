import { describe, expect, test } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { utf8ToBytes } from '../ground/bytes.ts';
import { detectEncoding } from './encoding.ts';
import { parseTable, type ParseRequest } from './parse.ts';
import type { RawTable } from './table.ts';

const decode: ParseRequest['decode'] = (bytes, encoding) => new TextDecoder(encoding).decode(bytes);

function parseBytes(bytes: Uint8Array, fileName = 'notes.csv', control: Partial<ParseRequest> = {}): Promise<RawTable> {
  return parseTable({ fileName, bytes, decode, ...control });
}

function parseText(text: string, fileName = 'notes.csv', control: Partial<ParseRequest> = {}): Promise<RawTable> {
  return parseBytes(utf8ToBytes(text), fileName, control);
}

async function refusal(promise: Promise<unknown>): Promise<BedsideError> {
  const error: unknown = await promise.then(() => null, (reason: unknown) => reason);
  if (!(error instanceof BedsideError)) throw new Error('expected a BedsideError');
  return error;
}

function utf16Bytes(text: string, isLittleEndian: boolean, withMark: boolean): Uint8Array {
  const marked = (withMark ? '\uFEFF' : '') + text;
  return Uint8Array.from([...marked].flatMap((character) => Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index);
    return isLittleEndian ? [unit & 255, unit >> 8] : [unit >> 8, unit & 255];
  }).flat()));
}

const table = 'note,label\r\nCafé au lait spots,skin\r\n"knee, left",bone\r\n';
const rows = [{ row: 2, cells: ['Café au lait spots', 'skin'] }, { row: 3, cells: ['knee, left', 'bone'] }];

describe('encodings', () => {
  const cases: readonly (readonly [string, Uint8Array, RawTable['encoding']])[] = [
    ['UTF-8', utf8ToBytes(table), 'utf-8'],
    ['UTF-8 with a mark', utf8ToBytes('\uFEFF' + table), 'utf-8'],
    ['UTF-16 little-endian with a mark', utf16Bytes(table, true, true), 'utf-16le'],
    ['UTF-16 little-endian', utf16Bytes(table, true, false), 'utf-16le'],
    ['UTF-16 big-endian with a mark', utf16Bytes(table, false, true), 'utf-16be'],
    ['UTF-16 big-endian', utf16Bytes(table, false, false), 'utf-16be'],
    ['Windows-1252', Uint8Array.from(table, (character) => character.charCodeAt(0)), 'windows-1252'],
  ];
  test.each(cases)('%s', async (_, bytes, encoding) => {
    expect(await parseBytes(bytes)).toEqual({ fileName: 'notes.csv', format: 'csv', encoding, header: ['note', 'label'], rows, unreadable: [] });
  });

  test('Windows-1252 has its own quotation marks and euro', async () => {
    const bytes = Uint8Array.from([...utf8ToBytes('note,label\n'), 0x93, 0x68, 0x69, 0x94, 0x20, 0x80, ...utf8ToBytes(',x\n')]);
    expect((await parseBytes(bytes)).rows[0]!.cells).toEqual(['\u201chi\u201d €', 'x']);
  });

  test('UTF-16 Chinese without a mark', async () => {
    const result = await parseBytes(utf16Bytes('文本,标签\n咳嗽三天,呼吸科\n', true, false));
    expect(result.encoding).toBe('utf-16le');
    expect(result.rows[0]!.cells).toEqual(['咳嗽三天', '呼吸科']);
  });

  test('damaged UTF-8: the rows with bad bytes are set aside, the others read', async () => {
    const good = utf8ToBytes('déjà vu à côté été,x\n'.repeat(20));
    const bytes = Uint8Array.from([...utf8ToBytes('note,label\n'), ...good, 0xff, 0x61, ...utf8ToBytes(',y\n'), ...good]);
    const result = await parseBytes(bytes);
    expect(result.encoding).toBe('utf-8');
    expect(result.rows).toHaveLength(40);
    expect(result.unreadable.map(({ row, code }) => [row, code])).toEqual([[22, 'undecodable']]);
  });

  test('a few accents of UTF-8 and one bad byte are UTF-8 as well', async () => {
    const bytes = Uint8Array.from([...utf8ToBytes('note,label\ncafé au lait,skin\nnaïve,x\ncaf'), 0xe9, ...utf8ToBytes(',y\n')]);
    const result = await parseBytes(bytes);
    expect(result.encoding).toBe('utf-8');
    expect(result.rows.map(({ cells }) => cells[0])).toEqual(['café au lait', 'naïve']);
    expect(result.unreadable.map(({ row, code }) => [row, code])).toEqual([[4, 'undecodable']]);
  });

  test('GBK, the encoding of Chinese spreadsheets', async () => {
    const bytes = Uint8Array.from([...utf8ToBytes('note,label\n'), 0xbf, 0xc8, 0xcb, 0xd4, 0xc8, 0xfd, 0xcc, 0xec, 0xa1, 0xa3, ...utf8ToBytes(','), 0xba, 0xf4, 0xce, 0xfc, 0xbf, 0xc6, ...utf8ToBytes('\n')]);
    const result = await parseBytes(bytes);
    expect(result.encoding).toBe('gb18030');
    expect(result.rows[0]!.cells).toEqual(['咳嗽三天。', '呼吸科']);
    expect(result.unreadable).toEqual([]);
  });

  const fromBase64 = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  // Small tables written with Python's codecs of these names.
  const gbk = fromBase64('sqHA+iy/xsrSCr/Iy9TI/czsoaOw6beiyMijrNK5vOS809bYLLr0zvy/xgrNt820sOm28dDExbvNwqOszt7N4snLyrcsyfG+rb/GCri5zbShori50LoyzOyjrMzlzsIzOC41oeajrNGq0bkxMjAvODAsz/u7r7/GCsy11tC0+NGqo6zQ2MPGxvi02aOsv7zCx9anxvi53MCp1cUsuvTO/L/GCg==');

  test('GBK with digits, signs and ASCII among the Hanzi', async () => {
    const result = await parseBytes(gbk);
    expect(result.encoding).toBe('gb18030');
    expect(result.header).toEqual(['病历', '科室']);
    expect(result.rows[2]!.cells).toEqual(['腹痛、腹泻2天，体温38.5℃，血压120/80', '消化科']);
  });

  test('GBK with a byte of no character sets its row aside', async () => {
    const bytes = Uint8Array.from([...gbk, 0xff, ...utf8ToBytes('a,b\n')]);
    const result = await parseBytes(bytes);
    expect(result.encoding).toBe('gb18030');
    expect(result.rows).toHaveLength(4);
    expect(result.unreadable.map(({ row, code }) => [row, code])).toEqual([[6, 'undecodable']]);
  });

  test.each([
    ['Russian (Windows-1251)', '5+Ds5fLq4Czs5fLq4Arq4Pjl6/wg6CDy5ezv5fDg8vPw4CDy8Ogg5O3/LPLl8ODv6P8Kw+7r7uLt4P8g4e7r/Czt5eLw7uvu4+j/Cg=='],
    ['Korean (EUC-KR)', 'uN648Cy60Lf5CrHixKew+iC537+twMwgu+fI6sKwILDovNO1yiwgyKPI7bHiCrXOxeuw+iCxuMXksKEgwNbAvSy9xbDmsPoK'],
    ['Japanese (Shift JIS)', 'g4GDgiyVqpfeCopQgsaUrZRNgqqOT5P6kbGCooLEgqKC3IK3LIzEi3qK7Qo='],
    ['Chinese of Taiwan (Big5)', 'r2a++iys7KvHCqt5ucKkVKTRtW+89iypSadsrOwK'],
    ['French (Windows-1252)', 'bm90ZSxsYWJlbAqTTmHvdmWUIGNhZumX4CBj9HTpIGyS6XTpLHBlYXUKwCByZXZvaXI6IGZp6HZyZSDpbGV26WUgnGTobWUs6XTpCg=='],
  ])('%s is not taken for GBK', (_, text) => {
    expect(detectEncoding(fromBase64(text)).encoding).not.toBe('gb18030');
  });

  test('a byte that Windows-1252 lacks sets its row aside', async () => {
    const bytes = Uint8Array.from([...utf8ToBytes('note,label\n'), 0xe9, ...utf8ToBytes(',x\na'), 0x81, ...utf8ToBytes(',y\n')]);
    const result = await parseBytes(bytes);
    expect(result.rows.map(({ row }) => row)).toEqual([2]);
    expect(result.unreadable.map(({ row, code }) => [row, code])).toEqual([[3, 'undecodable']]);
  });

  test('UTF-16 cut in the middle of a character', async () => {
    const result = await parseBytes(utf16Bytes('note,label\nab,x\ncd,y', true, true).slice(0, -1));
    expect(result.rows.map(({ row }) => row)).toEqual([2]);
    expect(result.unreadable.map(({ row, code }) => [row, code])).toEqual([[3, 'undecodable']]);
  });

  test('U+FFFD that a sound UTF-8 file holds is kept', async () => {
    expect((await parseText('note,label\nwas\uFFFDlost,x\n')).rows).toHaveLength(1);
  });
});

describe('formats by content', () => {
  test.each([
    ['semicolons', 'note;label\nknee, left;bone\n', 'csv', ['knee, left', 'bone']],
    ['tabs in a .csv', 'note\tlabel\nknee, left; swollen\tbone\n', 'tsv', ['knee, left; swollen', 'bone']],
    ['commas in a .tsv', 'note,label\nknee,bone\n', 'csv', ['knee', 'bone']],
    ['one column', 'note\nknee; swollen\n', 'csv', ['knee; swollen']],
    ['the line with which Excel names the delimiter', 'sep=;\r\nnote;label\r\nknee, left;bone\r\n', 'csv', ['knee, left', 'bone']],
    ['line ends of old Macs', 'note,label\rknee,bone\r', 'csv', ['knee', 'bone']],
    ['no line end at the end', 'note,label\nknee,bone', 'csv', ['knee', 'bone']],
    ['JSON lines in a .csv', '{"note":"knee","label":"bone"}\n', 'jsonl', ['knee', 'bone']],
  ] as const)('%s', async (_, text, format, cells) => {
    const result = await parseText(text, 'notes.csv');
    expect(result.format).toBe(format);
    expect(result.rows.map((row) => row.cells)).toEqual([cells]);
  });

  test('a header is told apart from its twins and the nameless', async () => {
    expect((await parseText('note, note ,\na,b,c\n')).header).toEqual(['note', 'note (2)', 'column 3']);
  });
});

describe('row numbers', () => {
  test('a quoted line end does not count, a blank line does', async () => {
    const result = await parseText('note,label\n"one\ntwo\r\nthree",x\n\nfour,y\n  \nfive\n');
    expect(result.rows).toEqual([{ row: 2, cells: ['one\ntwo\r\nthree', 'x'] }, { row: 4, cells: ['four', 'y'] }]);
    expect(result.unreadable).toEqual([{ row: 6, code: 'column-count', values: { found: 1, expected: 2 }, cells: ['five'] }]);
  });
});

describe('bad rows are set aside with a reason', () => {
  test('wrong column count', async () => {
    const result = await parseText('note,label\nknee,bone\nknee, left,bone\nhip,bone\n');
    expect(result.rows.map(({ row }) => row)).toEqual([2, 4]);
    expect(result.unreadable).toEqual([{ row: 3, code: 'column-count', values: { found: 3, expected: 2 }, cells: ['knee', ' left', 'bone'] }]);
  });

  test('a quote that is never closed: which rows are inside', async () => {
    const result = await parseText('note,label\nknee,bone\n"hip,bone\ncough,lung\nrash,skin\n');
    expect(result.rows.map(({ row }) => row)).toEqual([2]);
    expect(result.unreadable).toEqual([{ row: 3, code: 'unclosed-quote', values: { lastRow: 5 }, cells: ['hip,bone\ncough,lung\nrash,skin\n'] }]);
  });

  test('a quote that a later row closes by accident does not become one note of three rows', async () => {
    const result = await parseText('note,label\nknee,bone\n"hip,bone\ncough,lung\n"rash, itchy",skin\nwheeze,lung\n');
    expect(result.rows).toEqual([{ row: 2, cells: ['knee', 'bone'] }, { row: 6, cells: ['wheeze', 'lung'] }]);
    expect(result.unreadable.map(({ row, code, values }) => [row, code, values])).toEqual([[3, 'unclosed-quote', { lastRow: 5 }]]);
  });

  test('quotes inside a quoted cell on one line are kept as text', async () => {
    expect((await parseText('note,label\n"she said "ouch" twice",bone\n')).rows).toEqual([{ row: 2, cells: ['she said "ouch" twice', 'bone'] }]);
  });

  test('an open quote in the header', async () => {
    expect((await refusal(parseText('"note,label\nknee,bone\n'))).code).toBe('data/header-quote');
  });

  test('invalid JSON lines, and the union of keys', async () => {
    const result = await parseText('{"note":"knee","label":1}\n\n{"note":"hip","ward":null,"tags":["a"]}\n{"note":\n[1]\n{"label":true}\n', 'notes.jsonl');
    expect(result.header).toEqual(['note', 'label', 'ward', 'tags']);
    expect(result.rows).toEqual([
      { row: 1, cells: ['knee', '1', '', ''] },
      { row: 3, cells: ['hip', '', '', '["a"]'] },
      { row: 6, cells: ['', 'true', '', ''] },
    ]);
    expect(result.unreadable).toEqual([
      { row: 4, code: 'invalid-json', values: {}, cells: ['{"note":'] },
      { row: 5, code: 'invalid-json', values: {}, cells: ['[1]'] },
    ]);
  });

  test('a broken first line of a .jsonl file is one bad row', async () => {
    const result = await parseText('{"note":"a\n{"note":"b"}\n', 'notes.jsonl');
    expect(result.unreadable.map(({ row, code }) => [row, code])).toEqual([[1, 'invalid-json']]);
  });
});

describe('files that are no table', () => {
  const start = (...parts: readonly (string | number)[]) => Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...utf8ToBytes(part)] : [part])));
  test.each([
    ['a PDF', start('%PDF-1.7\n1 0 obj')],
    ['an Excel file', start('PK', 3, 4, 20, 0, '[Content_Types].xml')],
    ['an OpenDocument spreadsheet', start('PK', 3, 4, 20, 0, 'mimetypeapplication/vnd.oasis.opendocument.spreadsheet')],
    ['a text document', start('PK', 3, 4, 20, 0, '[Content_Types].xml word/document.xml')],
    ['a ZIP archive', start('PK', 3, 4, 20, 0, 'holiday.jpg')],
    ['an old Excel or Word file', start(0xd0, 0xcf, 0x11, 0xe0, 0xa1)],
    ['a gzip archive', start(0x1f, 0x8b, 8, 0)],
    ['an image (PNG)', start(0x89, 'PNG', 13, 10)],
    ['an image (JPEG)', start(0xff, 0xd8, 0xff, 0xe0)],
    ['a rich text document', start('{\\rtf1\\ansi')],
    ['a web page', start('<!doctype html><html>')],
    ['a binary file', start('abc', 0, 1, 2, 3, 0, 0, 7, 'x', 0, 255)],
  ] as const)('%s', async (kind, bytes) => {
    const error = await refusal(parseBytes(bytes, 'notes.csv'));
    expect(error.code).toBe('data/not-a-table');
    expect(error.message).toContain(kind);
    expect(error.hint.length).toBeGreaterThan(10);
  });

  test.each([
    ['data/empty-file', ''],
    ['data/empty-file', '\uFEFF \n\n'],
    ['data/no-rows', 'note,label\n'],
    ['data/json-not-lines', '[\n {"note":"a"}\n]'],
    ['data/json-not-lines', '[{"note":"a"}]'],
    ['data/json-not-lines', '{\n "note":"a"\n}'],
    ['data/too-many-columns', `${Array.from({ length: 1001 }, (_, index) => `c${index}`).join(',')}\na\n`],
  ])('%s', async (code, text) => {
    expect((await refusal(parseText(text))).code).toBe(code);
  });
});

describe('a large file', () => {
  const sentence = 'Seen with daughter, SOB on the flat, "no better" after inhaler; ';
  const large = utf8ToBytes('note,label,person\r\n' + Array.from({ length: 100_000 }, (_, index) => `"${sentence.replaceAll('"', '""')}\nvisit ${index}",class ${index % 7},P${index % 40_000}\r\n`).join(''));

  test('100,000 rows in a few seconds, with progress and turns for others', async () => {
    let turns = 0;
    const dones: number[] = [];
    const started = performance.now();
    const result = await parseBytes(large, 'large.csv', { pause: async () => void turns++, onProgress: ({ done }) => dones.push(done) });
    // 0.4 s when alone on two slow cores; ten seconds leaves room for a busy machine and still fails anything quadratic.
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(result.rows).toHaveLength(100_000);
    expect(result.rows.at(-1)).toEqual({ row: 100_001, cells: [`${sentence}\nvisit 99999`, 'class 4', 'P19999'] });
    expect(turns).toBeGreaterThan(5);
    expect(dones).toEqual([...dones].sort((a, b) => a - b));
    expect(dones.at(-1)).toBe(large.length);
  });

  test('is cancelled between chunks', async () => {
    let turns = 0;
    const error = await refusal(parseBytes(large, 'large.csv', { pause: async () => void turns++, isCancelled: () => turns === 2 }));
    expect(error.code).toBe('cancelled');
    expect(turns).toBe(2);
  });

  test('an open quote over the whole file costs no more than twice the reading', async () => {
    const text = 'note,label\n"' + 'knee,bone\n'.repeat(1_000_000);
    const started = performance.now();
    const result = await parseText(text);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(result.unreadable.map(({ row, code, values }) => [row, code, values])).toEqual([[2, 'unclosed-quote', { lastRow: 1_000_001 }]]);
  });
});
