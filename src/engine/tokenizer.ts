import { Tokenizer as WordPiece } from '@huggingface/tokenizers';
import { checkInteger } from '../ground/check.ts';
import type { JsonObject } from './model/json.ts';
import { modelError } from './model/model-error.ts';

export interface TokenizedText {
  /** [CLS] ... [SEP]. */
  readonly ids: Int32Array;
  /** Tokens left out to keep within the length. */
  readonly cutTokens: number;
}

/** Text to token ids, as Hugging Face does it. */
export interface Tokenizer {
  /** At most `maximumLength` ids, [CLS] and [SEP] included; what is cut is cut before [SEP]. */
  encode(text: string, maximumLength: number): TokenizedText;
  /** Matches the words of a text, where the ids of a text are those of its words end to end; absent where a word's ids may depend on its neighbours. */
  readonly wordPattern?: RegExp;
}

/** Ideographs stand alone in BERT's reading, as if in white space. */
const ideographs = '\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff';
const bertWords = new RegExp(`[${ideographs}]|[^ \\t\\n\\r${ideographs}]+`, 'g');

function typeOf(part: unknown): unknown {
  return typeof part === 'object' && part !== null && 'type' in part ? part.type : null;
}

/** Whether white space and ideographs end a word whatever is in it: so it is with BERT's own parts, and with added tokens that hold neither. */
function isWordByWord({ normalizer, pre_tokenizer: preTokenizer, model, added_tokens: added }: JsonObject): boolean {
  const isBert = typeOf(normalizer) === 'BertNormalizer' && typeOf(preTokenizer) === 'BertPreTokenizer' && typeOf(model) === 'WordPiece';
  const cleans = typeof normalizer === 'object' && normalizer !== null && 'clean_text' in normalizer && normalizer.clean_text === true && 'handle_chinese_chars' in normalizer && normalizer.handle_chinese_chars === true;
  const isPlain = (token: unknown) => typeof token === 'object' && token !== null && 'content' in token && typeof token.content === 'string' && /^[!-~]+$/.test(token.content);
  return isBert && cleans && (added === undefined || (Array.isArray(added) && added.every(isPlain)));
}

/**
 * The tokenizer of a parsed Hugging Face `tokenizer.json` and `tokenizer_config.json`.
 * Throws: `model/tokenizer` where they do not give [CLS] ... [SEP].
 */
export function createTokenizer(tokenizerJson: JsonObject, tokenizerConfigJson: JsonObject): Tokenizer {
  let wordPiece: WordPiece;
  let frame: number;
  try {
    wordPiece = new WordPiece(tokenizerJson, tokenizerConfigJson);
    frame = wordPiece.encode('').ids.length;
  } catch {
    throw modelError('tokenizer', 'tokenizer.json should describe a tokenizer and does not.', 'Use the tokenizer.json that belongs to the model.');
  }
  if (frame !== 2) throw modelError('tokenizer', `The tokenizer should frame a text with 2 tokens, [CLS] and [SEP]; it adds ${frame}.`, 'Use the tokenizer.json of a BERT.', { frame });
  return {
    ...(isWordByWord(tokenizerJson) ? { wordPattern: bertWords } : {}),
    encode(text, maximumLength) {
      checkInteger('maximum length', maximumLength, frame + 1);
      const { ids } = wordPiece.encode(text);
      if (ids.length <= maximumLength) return { ids: Int32Array.from(ids), cutTokens: 0 };
      return { ids: Int32Array.of(...ids.slice(0, maximumLength - 1), ids.at(-1)!), cutTokens: ids.length - maximumLength };
    },
  };
}
