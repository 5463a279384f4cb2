import { describe, expect, it } from 'vitest';
import type { RowProblem } from '../data/table.ts';
import type { TrainedHead } from '../training/trained-model.ts';
import { classifyTable, classifyText, type Classifier } from './classify.ts';
import { unreadableRows } from './project-summary.ts';

const model: TrainedHead = { kind: 'head', labels: ['short', 'long'], maximumLength: 6, features: { layers: [6], weights: [1], isUnitLength: true }, mean: null, biasInput: 1, weights: new Float32Array(0) };
/** Two words or fewer are short; each word is one id between the two that frame a text. */
const classifier: Classifier = {
  model,
  tokenizer: { encode: (text, maximumLength) => { const words = text.trim().split(/\s+/).length; return { ids: new Int32Array(Math.min(maximumLength, words + 2)), cutTokens: Math.max(0, words + 2 - maximumLength) }; } },
  crew: { modelLogits: async (_, rows) => Float32Array.from(rows.flatMap(({ length }) => (length <= 4 ? [2, 0] : [0, 2]))) },
};
const label = (text: string | Uint8Array<ArrayBuffer>, trainedName: string | null = 'note') => classifyTable(classifier, new File([text], 'notes.csv'), trainedName, new AbortController().signal, () => undefined);

describe('a file that is labelled', () => {
  it('says which rows have no label and why, which column was read, and what was cut', async () => {
    const { table, done, total, reading } = await label('note,id\nchest pain,1\n,2\na b c d e f,3\nrash,4,5\n"open,6\nlost,7\n');
    expect([done, total]).toEqual([2, 2]);
    expect(reading).toEqual({
      encoding: 'utf-8', textColumn: 'note', isColumnAsTrained: true, cutNotes: 1, maximumLength: 6, otherScriptNotes: 0,
      skipped: [{ code: 'column-count', count: 1 }, { code: 'unclosed-quote', count: 2 }, { code: 'empty-text', count: 1 }],
    });
    expect(await table.value.text()).toContain('chest pain,1,short,');
  });

  it('counts the labelled notes in other letters than Latin ones', async () => {
    expect((await label('note\n胸痛三天\nchest pain\nболь в груди\n')).reading.otherScriptNotes).toBe(2);
  });

  it('has the confidences of the model as it leaves, whatever temperature the page shows a note at', async () => {
    const { table } = await label('note\nchest pain\n');
    const own = 1 / (1 + Math.exp(-2));
    expect(await table.value.text()).toContain(`chest pain,short,${own.toFixed(4)}`);
    expect((await classifyText(classifier, 4, 'chest pain')).confidence).toBeCloseTo(1 / (1 + Math.exp(-0.5)), 6);
  });

  it('says that it guessed the column, and the encoding', async () => {
    const gbk = Uint8Array.from([...'text,id\n'].map((character) => character.charCodeAt(0)).concat([0xbf, 0xc8, 0xcb, 0xd4, 0xc8, 0xfd, 0xcc, 0xec, 0x2c, 0x31, 0x0a]));
    const { reading } = await label(gbk);
    expect(reading).toMatchObject({ encoding: 'gb18030', textColumn: 'text', isColumnAsTrained: false, skipped: [] });
  });

  it('with an open quote over all its rows has none to label, and says so', async () => {
    const { done, total, reading } = await label('note,id\n"chest pain,1\nrash,2\n');
    expect([done, total]).toEqual([0, 0]);
    expect(reading.skipped).toEqual([{ code: 'unclosed-quote', count: 2 }]);
  });
});

it('rows that cannot be read are counted with all that an open quote holds, the widest first, without their cells', () => {
  const problems: RowProblem[] = [{ row: 2, code: 'column-count', values: { found: 3, expected: 2 }, cells: ['a', 'b', 'c'] }, { row: 5, code: 'unclosed-quote', values: { lastRow: 9 }, cells: ['x'] }];
  const view = unreadableRows(problems);
  expect(view).toMatchObject({ count: 2, rows: 6 });
  expect(view.first.map(({ row, cells }) => [row, cells])).toEqual([[5, []], [2, []]]);
});

describe('labelling in batches', () => {
  /** Texts of falling and rising length, so that sorting moves them. */
  const lines = Array.from({ length: 400 }, (_, i) => Array.from({ length: 1 + ((i * 7) % 5) }, () => 'word').join(' '));
  const file = new File([['note', ...lines].join('\n')], 'notes.csv');

  /** A crew that says how many batches it holds at once, and what lengths it was asked for. */
  function watched(fails: (call: number) => boolean = () => false) {
    const asked: number[][] = [];
    let held = 0;
    let most = 0;
    const crew: Classifier['crew'] = {
      async modelLogits(trained, rows) {
        asked.push(rows.map(({ length }) => length));
        most = Math.max(most, ++held);
        await new Promise((resolve) => setTimeout(resolve, 5));
        held--;
        if (fails(asked.length)) throw new Error('The crew is gone.');
        return classifier.crew.modelLogits(trained, rows);
      },
    };
    return { asked, most: () => most, classifier: { ...classifier, crew } };
  }

  it('sends the next batch while one is computed, and no more; longest first; every row gets its own answer', async () => {
    const crew = watched();
    const heard: number[] = [];
    const { table, done } = await classifyTable(crew.classifier, file, 'note', new AbortController().signal, (progress) => heard.push(progress.done));
    expect(done).toBe(400);
    expect(crew.asked.length).toBeGreaterThan(2);
    expect(crew.most()).toBe(2);
    expect(crew.asked.flat()).toEqual(crew.asked.flat().toSorted((a, b) => b - a));
    expect(heard).toEqual(heard.toSorted((a, b) => a - b));
    expect(heard.at(-1)).toBe(400);
    const labelled = (await table.value.text()).split(/\r?\n/).slice(1, 401);
    labelled.forEach((line, i) => expect(line).toContain(lines[i]!.split(' ').length <= 2 ? 'short' : 'long'));
  });

  it('cancelled, waits for the batches under way and begins no other', async () => {
    const crew = watched();
    const cancelling = new AbortController();
    const { done, total } = await classifyTable(crew.classifier, file, 'note', cancelling.signal, ({ done: rows }) => rows > 0 && cancelling.abort());
    expect(total).toBe(400);
    expect(done).toBe(crew.asked.flat().length);
    expect(crew.asked.length).toBeLessThanOrEqual(3);
    expect(done).toBeLessThan(400);
  });

  it('fails with the batch that fails', async () => {
    await expect(classifyTable(watched((call) => call === 2).classifier, file, 'note', new AbortController().signal, () => undefined)).rejects.toThrow('The crew is gone.');
  });
});
