import type { JsonObject } from './json.ts';

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const characters = [...letters, ...'0123456789', ...'.,;:!?\'"()[]/%+-<>=&*#@_'];
const words = [
  'the', 'and', 'of', 'to', 'in', 'is', 'was', 'for', 'with', 'on', 'no', 'not', 'has', 'had', 'he', 'she', 'his', 'her', 'patient', 'reports', 'denies', 'pain', 'history',
  'chest', 'left', 'right', 'since', 'days', 'weeks', 'daily', 'taking', 'mg', 'medication', 'allergic', 'blood', 'pressure', 'normal', 'doctor', 'today', 'years', 'old', 'family',
];

/** Every letter, pair of letters and listed word; whatever follows inside a word is written with ## in front. */
function vocabulary(): string[] {
  const pairs = letters.flatMap((first) => letters.map((second) => first + second));
  const pieces = [...characters, ...pairs];
  return [...new Set([...special, ...pieces, ...words, ...pieces.map((piece) => `##${piece}`)])];
}

/** An uncased WordPiece tokenizer of a few pieces, in the form of a Hugging Face `tokenizer.json`. */
export function nanoTokenizerJson(): JsonObject {
  const vocab = Object.fromEntries(vocabulary().map((piece, id) => [piece, id]));
  const specialToken = (content: string) => ({ id: vocab[content], content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map(specialToken),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '[SEP]', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '[SEP]', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 1 } }, { SpecialToken: { id: '[SEP]', type_id: 1 } },
      ],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }])),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  };
}

/** The `tokenizer_config.json` beside it. */
export function nanoTokenizerConfigJson(maximumLength: number): JsonObject {
  return {
    tokenizer_class: 'BertTokenizer', do_lower_case: true, tokenize_chinese_chars: true, strip_accents: null, model_max_length: maximumLength,
    pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]',
  };
}

/** Pieces of the nano tokenizer. */
export const nanoVocabularySize = vocabulary().length;
