/**
 * Entities of a tagged sentence, as seqeval (cd01b52) reads them: leniently, as conlleval does, or strictly by a tagging scheme.
 * A tag is a prefix of one character, then the type: "B-LOC"; "O" is outside. Tags stand for words, not for word pieces; an entity never leaves its sentence.
 */
import { BedsideError } from '../ground/errors.ts';

export interface Entity {
  readonly type: string;
  /** First word, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

export type TagScheme = 'IOB1' | 'IOB2' | 'IOBES' | 'BILOU';

interface Tag {
  readonly prefix: string;
  readonly type: string;
}

/** Prefix before (. for any), prefix of this tag (likewise), and whether the types must be the same (=), differ (!), or either (*). */
type Pattern = string;

interface Scheme {
  readonly prefixes: string;
  /** A tag that begins an entity, one that goes on with it, and one before which it ends; an entity that does not end so is none. */
  readonly starts: readonly Pattern[];
  readonly inside: readonly Pattern[];
  readonly ends: readonly Pattern[];
}

const schemes: Readonly<Record<TagScheme, Scheme>> = {
  IOB1: { prefixes: 'IOB', starts: ['OI*', 'II!', 'BI*', 'IB=', 'BB='], inside: ['BI=', 'II='], ends: ['II!', 'IO*', 'IB*', 'BO*', 'BI!', 'BB='] },
  IOB2: { prefixes: 'IOB', starts: ['.B*'], inside: ['BI=', 'II='], ends: ['IO*', 'II!', 'IB*', 'BO*', 'BI!', 'BB*'] },
  IOBES: { prefixes: 'IOBES', starts: ['.B*', '.S*'], inside: ['BI=', 'BE=', 'II=', 'IE='], ends: ['S.*', 'E.*'] },
  BILOU: { prefixes: 'IOBLU', starts: ['.B*', '.U*'], inside: ['BI=', 'BL=', 'II=', 'IL='], ends: ['U.*', 'L.*'] },
};

const outside: Tag = { prefix: 'O', type: '_' };

function readTags(tags: readonly string[]): Tag[] {
  return tags.map((tag, index) => {
    if (tag === '') throw new BedsideError('metrics/tag', 'input', `Word ${index + 1} has no tag.`, 'Give each word a tag, "O" outside entities.', { word: index + 1 });
    return { prefix: tag[0]!, type: tag.slice(1).replace(/^-/, '') || '_' };
  });
}

function matches(patterns: readonly Pattern[], before: Tag, tag: Tag): boolean {
  return patterns.some((pattern) => {
    const [first, second, types] = pattern;
    return (first === '.' || first === before.prefix) && (second === '.' || second === tag.prefix) && (types === '*' || (types === '=') === (before.type === tag.type));
  });
}

function strictEntities(read: readonly Tag[], scheme: TagScheme): Entity[] {
  const { prefixes, starts, inside, ends: endings } = schemes[scheme];
  const wrong = read.findIndex(({ prefix }) => !prefixes.includes(prefix));
  if (wrong >= 0) throw new BedsideError('metrics/tag-scheme', 'input', `The tag of word ${wrong + 1} is none of ${scheme}.`, `Tags of ${scheme} begin with ${[...prefixes].join(', ')}.`, { word: wrong + 1, scheme });
  const tags = [...read, outside];
  const entities: Entity[] = [];
  for (let start = 0; start < read.length; ) {
    if (!matches(starts, tags[start - 1] ?? outside, tags[start]!)) {
      start++;
      continue;
    }
    let end = start + 1;
    while (matches(inside, tags[end - 1]!, tags[end]!)) end++;
    if (matches(endings, tags[end - 1]!, tags[end]!)) entities.push({ type: tags[start]!.type, start, end });
    start = end;
  }
  return entities;
}

/** seqeval's end_of_chunk and start_of_chunk. They know no L and no U: an entity that one of these ends is lost before a B of its type. */
const ends = (before: Tag, tag: Tag) => 'ES'.includes(before.prefix) || ('BI'.includes(before.prefix) && 'BSO'.includes(tag.prefix)) || (before.prefix !== 'O' && before.type !== tag.type);
const begins = (before: Tag, tag: Tag) => 'BS'.includes(tag.prefix) || ('ESO'.includes(before.prefix) && 'EI'.includes(tag.prefix)) || (tag.prefix !== 'O' && before.type !== tag.type);

function lenientEntities(tags: readonly Tag[]): Entity[] {
  const entities: Entity[] = [];
  let start = 0;
  let before = outside;
  for (const [index, tag] of [...tags, outside].entries()) {
    if (ends(before, tag)) entities.push({ type: before.type, start, end: index });
    if (begins(before, tag)) start = index;
    before = tag;
  }
  return entities;
}

/**
 * Entities of one sentence, in order. `scheme` null is lenient: "I-PER" without a "B-PER" before it begins an entity, which strict IOB2 leaves out; it knows no L and no U, so read BILOU strictly.
 * Throws `metrics/tag` for a word without a tag, and, where strict, `metrics/tag-scheme` for a prefix that the scheme does not have.
 */
export function entitiesOf(tags: readonly string[], scheme: TagScheme | null): readonly Entity[] {
  const read = readTags(tags);
  return scheme === null ? lenientEntities(read) : strictEntities(read, scheme);
}
