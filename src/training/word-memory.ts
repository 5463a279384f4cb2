import type { Tokenizer } from './units.ts';

/** Words kept at once: more than a collection of notes has, few enough to weigh some megabytes. */
const mostWords = 50_000;
/** Longer ones seldom come back, and would keep the notes they stand in from being forgotten. */
const longestWord = 40;
const unlimited = 1 << 30;

/**
 * The same tokenizer, remembering the ids of each word for as long as it is held: notes repeat their words, so that most of a collection is looked up.
 * Guarantee: the same ids and cuts. A tokenizer that does not say where its words end is given back as it is.
 */
export function rememberWords(tokenizer: Tokenizer): Tokenizer {
  const { wordPattern } = tokenizer;
  if (!wordPattern) return tokenizer;
  const known = new Map<string, Int32Array>();
  const frame = tokenizer.encode('', unlimited).ids;
  const [first, last] = [frame[0]!, frame[1]!];
  let ids = new Int32Array(512);

  function idsOf(word: string): Int32Array {
    const found = known.get(word);
    if (found) return found;
    const own = tokenizer.encode(word, unlimited).ids.slice(1, -1);
    if (word.length > longestWord) return own;
    if (known.size >= mostWords) known.clear();
    known.set(word, own);
    return own;
  }

  return {
    wordPattern,
    encode(text, maximumLength) {
      // Too short for a word: refused in the tokenizer's own words.
      if (maximumLength <= frame.length) return tokenizer.encode(text, maximumLength);
      let length = 1;
      ids[0] = first;
      for (const word of text.match(wordPattern) ?? []) {
        const own = idsOf(word);
        if (length + own.length + 1 > ids.length) {
          const larger = new Int32Array(2 * (length + own.length + 1));
          larger.set(ids);
          ids = larger;
        }
        for (let i = 0; i < own.length; i++) ids[length++] = own[i]!;
      }
      const kept = Math.min(length, maximumLength - 1);
      const cut = ids.slice(0, kept + 1);
      cut[kept] = last;
      return { ids: cut, cutTokens: length - kept };
    },
  };
}
