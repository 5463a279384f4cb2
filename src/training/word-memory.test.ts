import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonObject } from '../engine/model/json.ts';
import { nanoTokenizerConfigJson, nanoTokenizerJson } from '../engine/model/nano-tokenizer.ts';
import { createTokenizer } from '../engine/tokenizer.ts';
import { countTokens, lengthReport, lengthsUnder, tokenizeNotes } from './units.ts';
import { rememberWords } from './word-memory.ts';

const folder = new URL('../../models/all-MiniLM-L6-v2/', import.meta.url);
const json = async (name: string) => parseJsonObject(await readFile(new URL(name, folder)), name);
const tokenizers = {
  'all-MiniLM-L6-v2': createTokenizer(await json('tokenizer.json'), await json('tokenizer_config.json')),
  nano: createTokenizer(nanoTokenizerJson(), nanoTokenizerConfigJson(128)),
};

const oddTexts = [
  '', ' ', '\n\t\r', 'Ünïcödé naïve café', 'ΟΔΟΣ ΟΔΟΣ\u200b ΣΑΣ中Σ', 'İstanbul ıI', '中文病历：患者男，45岁 中\u0301文', '日本語テスト', 'e\u0301 \u0301e vs \u00e9', 'zero\u200bwidth\ufeffbom', 'nul\u0000l nul \u0000 l', 'soft\u00adhyphen',
  'non\u00a0breaking line\u2028sep \u3000wide', "don't o'clock l'été", 'x'.repeat(101), `${'y'.repeat(5000)} z`, '[CLS] [SEP][MASK]x [PAD]\n[UNK] [ CLS ]', '##ing ##', '1,234.56 mg/dL @ 10:30pm', '\ud800 lone \udc00 \ud83d\ude00', '\u{20000}\u{2a6d6} 豈更', 'a\u0300\u0301\u0302 \u030a',
];
const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.lorem({ maxCount: 30 }), fc.array(fc.constantFrom(...oddTexts, 'pain', 'Σ', '\u0301', '中', ' ', '[SEP]')).map((parts) => parts.join('')));

describe.each(Object.entries(tokenizers))('the words of %s, remembered', (_, tokenizer) => {
  it('are told apart', () => expect(tokenizer.wordPattern).toBeDefined());

  it('give the ids and cuts of the whole text', () => {
    const remembered = rememberWords(tokenizer);
    const isSame = (text: string, maximumLength: number): void => {
      expect(remembered.encode(text, maximumLength)).toEqual(tokenizer.encode(text, maximumLength));
    };
    // Twice: read afresh, and looked up.
    for (const text of [...oddTexts, ...oddTexts]) for (const length of [3, 4, 16, 100_000]) isSame(text, length);
    fc.assert(fc.property(anyText, fc.integer({ min: 3, max: 40 }), isSame));
    expect(() => remembered.encode('a', 2)).toThrow(/maximum length/);
  });
});

describe('a tokenizer that does not say where words end', () => {
  it('is not taken apart', () => {
    const whole = { encode: (text: string) => ({ ids: Int32Array.of(1, text.length, 2), cutTokens: 0 }) };
    expect(rememberWords(whole)).toBe(whole);
    expect(createTokenizer({ ...nanoTokenizerJson(), pre_tokenizer: { type: 'Whitespace' } }, nanoTokenizerConfigJson(128)).wordPattern).toBeUndefined();
  });
});

describe('countTokens', () => {
  it('gives the report of tokenized notes for every maximum length', async () => {
    const notes = ['pain', 'pain in the left arm', '', 'x y z'.repeat(9)].map((text, id) => ({ id, row: id + 2, text, label: 'a', person: null, groups: {} }));
    const lengths = await countTokens(notes, tokenizers.nano);
    for (const maximumLength of [3, 5, 8, 20, 500]) {
      const tokenized = await tokenizeNotes(notes, tokenizers.nano, maximumLength);
      const { report, meanTokens } = lengthsUnder(lengths, maximumLength);
      expect(report).toEqual(lengthReport(tokenized, maximumLength));
      expect(meanTokens).toBe(tokenized.reduce((sum, { ids }) => sum + ids.length, 0) / notes.length);
    }
  });
  it('ends when it is told to', async () => {
    const notes = Array.from({ length: 1000 }, (_, id) => ({ id, row: id + 2, text: 'pain', label: 'a', person: null, groups: {} }));
    const seen: number[] = [];
    await expect(countTokens(notes, tokenizers.nano, (done) => {
      seen.push(done);
      if (done >= 512) throw new Error('enough');
    })).rejects.toThrow('enough');
    expect(seen).toEqual([256, 512]);
  });
});
