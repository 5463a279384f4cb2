import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entitiesOf, type Entity, type TagScheme } from './entities.ts';
import { entityReport, tagReport, tokenAccuracy } from './entity-report.ts';

// The values of seqeval are held by `npm run goldens` and its test; here is what must hold of any sentence.

/** Stretches of words, each an entity or outside. */
const anySentence = fc.array(fc.record({ type: fc.constantFrom(null, 'PER', 'LOC', 'GPE-LOC'), words: fc.integer({ min: 1, max: 4 }) }), { maxLength: 12 });

function entitiesIn(stretches: readonly { readonly type: string | null; readonly words: number }[]): { readonly entities: Entity[]; readonly words: number } {
  const entities: Entity[] = [];
  let at = 0;
  for (const { type, words } of stretches) {
    if (type !== null) entities.push({ type, start: at, end: at + words });
    at += words;
  }
  return { entities, words: at };
}

function tagsOf({ entities, words }: { readonly entities: readonly Entity[]; readonly words: number }, scheme: TagScheme): string[] {
  const tags = Array.from({ length: words }, () => 'O');
  for (const [index, { type, start, end }] of entities.entries()) {
    const before = entities[index - 1];
    const isApart = before?.end !== start || before.type !== type;
    const first = scheme === 'IOB1' && isApart ? 'I' : 'B';
    const last = { IOB1: null, IOB2: null, IOBES: 'E', BILOU: 'L' }[scheme];
    for (let word = start; word < end; word++) tags[word] = `${word === start ? first : word === end - 1 ? (last ?? 'I') : 'I'}-${type}`;
    if (last !== null && end - start === 1) tags[start] = `${scheme === 'IOBES' ? 'S' : 'U'}-${type}`;
  }
  return tags;
}

describe('entities', () => {
  it.each<TagScheme>(['IOB1', 'IOB2', 'IOBES', 'BILOU'])('written in %s are read again', (scheme) => {
    fc.assert(fc.property(anySentence, (stretches) => { expect(entitiesOf(tagsOf(entitiesIn(stretches), scheme), scheme)).toEqual(entitiesIn(stretches).entities); }));
  });

  it.each<TagScheme>(['IOB1', 'IOB2', 'IOBES'])('written in %s are read leniently too', (scheme) => {
    fc.assert(fc.property(anySentence, (stretches) => { expect(entitiesOf(tagsOf(entitiesIn(stretches), scheme), null)).toEqual(entitiesIn(stretches).entities); }));
  });

  it('of any tags of B, I, E and S are in order, apart, and of one type each', () => {
    const anyTags = fc.array(fc.constantFrom('O', ...['B', 'I', 'E', 'S'].flatMap((prefix) => [`${prefix}-A`, `${prefix}-B`])), { maxLength: 12 });
    fc.assert(fc.property(anyTags, (tags) => {
      let end = 0;
      for (const entity of entitiesOf(tags, null)) {
        expect(entity.start).toBeGreaterThanOrEqual(end);
        expect(new Set(tags.slice(entity.start, entity.end).map((tag) => tag.slice(2)))).toEqual(new Set([entity.type]));
        ({ end } = entity);
      }
    }));
  });

  it('read leniently from BILOU lose one before a B of its type, as seqeval does', () => {
    expect(entitiesOf(['B-A', 'L-A', 'B-A', 'L-A'], null)).toEqual([{ type: 'A', start: 2, end: 4 }]);
    expect(entitiesOf(['B-A', 'L-A', 'B-A', 'L-A'], 'BILOU')).toHaveLength(2);
  });

  it('of a tag that is none, or none of the scheme, are refused', () => {
    expect(() => entitiesOf(['B-PER', ''], null)).toThrow(expect.objectContaining({ code: 'metrics/tag', values: { word: 2 } }));
    expect(() => entitiesOf(['O', 'S-PER'], 'IOB2')).toThrow(expect.objectContaining({ code: 'metrics/tag-scheme', values: { word: 2, scheme: 'IOB2' } }));
    expect(entitiesOf([], 'IOB2')).toEqual([]);
  });
});

describe('scores', () => {
  it('of a right prediction are 1, and of tags that name no entity undefined', () => {
    fc.assert(fc.property(fc.array(anySentence, { minLength: 1, maxLength: 5 }), (sentences) => {
      const truth = sentences.map((stretches) => tagsOf(entitiesIn(stretches), 'IOB2'));
      const entities = truth.flatMap((tags) => entitiesOf(tags, 'IOB2')).length;
      const { micro, macro } = entityReport(truth, truth, 'IOB2');
      expect(micro).toEqual(entities === 0 ? { precision: 0, recall: 0, f1: 0, support: 0 } : { precision: 1, recall: 1, f1: 1, support: entities });
      expect(macro?.f1 ?? null).toBe(entities === 0 ? null : 1);
    }));
    expect(tokenAccuracy([[]], [[]])).toBeNull();
    expect(tagReport([['O']], [['O']], true)).toMatchObject({ macro: null, micro: { f1: 0 } });
  });

  it('swap precision for recall where truth and prediction change places', () => {
    const [one, other] = [[['B-A', 'I-A', 'O', 'B-B']], [['B-A', 'O', 'B-A', 'B-B']]];
    const [there, back] = [entityReport(one, other, 'IOB2').micro, entityReport(other, one, 'IOB2').micro];
    expect([there.precision, there.recall, there.f1]).toEqual([1 / 3, 1 / 2, 2 / 5]);
    expect([back.precision, back.recall, back.f1]).toEqual([1 / 2, 1 / 3, 2 / 5]);
  });

  it('take no entity over the end of a sentence', () => {
    const [joined, apart] = [[['B-A', 'I-A']], [['B-A'], ['I-A']]];
    expect(entityReport(apart, apart, null).micro.support).toBe(2);
    expect(entityReport(joined, joined, null).micro.support).toBe(1);
  });

  it('of other shapes are refused', () => {
    expect(() => tokenAccuracy([['O']], [])).toThrow(expect.objectContaining({ code: 'metrics/sentences' }));
    expect(() => entityReport([['O', 'O']], [['O']], null)).toThrow(expect.objectContaining({ code: 'metrics/words' }));
  });
});
