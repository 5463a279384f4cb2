import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AutoTokenizer, env } from '@xenova/transformers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nanoTokenizerConfigJson, nanoTokenizerJson } from './model/nano-tokenizer.ts';
import { parseJsonObject } from './model/json.ts';
import { createTokenizer } from './tokenizer.ts';

const models = new URL('../../models/', import.meta.url);
const json = async (name: string) => parseJsonObject(await readFile(new URL(`all-MiniLM-L6-v2/${name}`, models)), name);
const tokenizer = createTokenizer(await json('tokenizer.json'), await json('tokenizer_config.json'));

env.allowRemoteModels = false;
env.localModelPath = fileURLToPath(models);
const transformers = await AutoTokenizer.from_pretrained('all-MiniLM-L6-v2');

const unlimited = 1_000_000;
const idsOf = (text: string) => [...tokenizer.encode(text, unlimited).ids];

const oddTexts = [
  '', ' ', '\n\t\r', 'a', 'Ünïcödé naïve café', 'İstanbul ıI', 'ß ẞ SS', '中文病历：患者男，45岁', '日本語テスト', '한국어', 'עברית العربية', 'हिन्दी', '👩‍⚕️🩺 ok', 'e\u0301 vs \u00e9',
  'zero\u200bwidth\ufeffbom', 'nul\u0000l', 'soft\u00adhyphen', 'non\u00a0breaking', 'line\u2028sep', "don't o'clock l'été", 'x'.repeat(101), 'x'.repeat(100), 'y'.repeat(5000),
  '[CLS] [SEP] [MASK] [PAD] [UNK]', '[mask] [Mask]', '##ing ##', 'HbA1c 7.9% (ref<6.5)', '1,234.56 mg/dL @ 10:30pm', 'http://example.org/a?b=c&d=e', '$£€¥ ½ ² ™ ©', '—–-―…', '“quoted” ‘single’',
  '\ud800 lone \udc00', 'a\u0300\u0301\u0302', '１２３ ＡＢＣ', 'ﬁ ﬂ ﬃ', '\u{20000}\u{2a6d6}', 'tab\tseparated\tvalues', 'trailing   ', '   leading',
];

describe('all-MiniLM-L6-v2', () => {
  test.each(oddTexts.map((text) => ({ text, title: JSON.stringify(text).slice(0, 40) })))('gives the ids of transformers.js for $title', ({ text }) => {
    expect(idsOf(text)).toEqual(transformers.encode(text));
  });

  test('gives the ids of transformers.js for any text', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.lorem({ maxCount: 30 })), (text) => {
      expect(idsOf(text)).toEqual(transformers.encode(text));
    }));
  });

  // As Hugging Face tokenizers do (the last golden text is cut so); transformers.js drops [SEP] instead.
  test('cuts before [SEP] and counts what it cut', () => {
    const whole = idsOf('no acute distress today');
    expect(whole).toHaveLength(6);
    expect(tokenizer.encode('no acute distress today', 6)).toEqual({ ids: Int32Array.from(whole), cutTokens: 0 });
    expect(tokenizer.encode('no acute distress today', 4)).toEqual({ ids: Int32Array.of(whole[0]!, whole[1]!, whole[2]!, whole[5]!), cutTokens: 2 });
    expect([...tokenizer.encode('', 3).ids]).toEqual([101, 102]);
  });

  test('refuses a length that leaves no room for text', () => expect(() => tokenizer.encode('a', 2)).toThrow(/maximum length must be a whole number from 3/));
});

describe('createTokenizer', () => {
  test('refuses a file that describes none', () => expect(() => createTokenizer({}, {})).toThrow(/tokenizer.json should describe a tokenizer/));
  test('refuses a tokenizer that adds no [CLS] and [SEP]', () => {
    expect(() => createTokenizer({ ...nanoTokenizerJson(), post_processor: null }, nanoTokenizerConfigJson(128))).toThrow(/frame a text with 2 tokens, \[CLS\] and \[SEP\]; it adds 0/);
  });
  test('is uncased and greedy: the nano vocabulary', () => {
    const nano = createTokenizer(nanoTokenizerJson(), nanoTokenizerConfigJson(128));
    // "pain" is a word of it; "pains" is "pain" and "##s".
    const [pain, pains] = [nano.encode('PAIN', 128).ids, nano.encode('pains', 128).ids];
    expect(pain).toHaveLength(3);
    expect(pains).toHaveLength(4);
    expect(pains[1]).toBe(pain[1]);
  });
});
