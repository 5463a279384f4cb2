import { describe, expect, it } from 'vitest';
import { agreeTo } from './agreement.ts';
import type { RecordValue } from './codec/record-messages.ts';
import { buildObject } from './object-store.ts';
import { sha256 } from './testing/golden.ts';
import { makeKey, member, modelOf, outcomes, Scene, task, taskHash, updateOf } from './testing/node-scene.ts';

describe('a server that wants more than was agreed', () => {
  const asked: Readonly<Record<string, { readonly key: string; readonly value: number; readonly term: string; readonly agreed: number }>> = {
    'a larger clip': { key: 'clip-norm', value: 100, term: 'clip norm', agreed: task.clipNorm },
    'less noise': { key: 'noise-multiplier', value: 0.001, term: 'noise multiplier', agreed: task.noiseMultiplier },
    'a longer update': { key: 'norm-bound', value: 1e6, term: 'norm bound', agreed: task.updateNormBound },
    'more rounds': { key: 'rounds', value: 1000, term: 'rounds', agreed: task.rounds },
  };

  it.each(Object.entries(asked))('%s: the agreed value is used and the attempt is kept', async (_, { key, value, term, agreed }) => {
    const scene = await member();
    await scene.round(1, { [key]: { double: value } });
    expect(scene.source.requests[0]!.terms).toMatchObject({ clipNorm: task.clipNorm, noiseMultiplier: task.noiseMultiplier, updateNormBound: task.updateNormBound });
    expect(scene.node.record.rounds[0]!.clamps).toEqual([{ term, agreed, asked: value }]);
    expect(scene.link.replies.map(({ error }) => error)).toEqual([null]);
  });

  it('stricter terms are taken: less clip, more noise, a shorter update; and more noise costs less', async () => {
    const scene = await member();
    await scene.round(1, { 'clip-norm': { double: 0.5 }, 'noise-multiplier': { double: 8 }, 'norm-bound': { double: 0.1 } });
    expect(scene.source.requests[0]!.terms).toMatchObject({ clipNorm: 0.5, noiseMultiplier: 8, updateNormBound: 0.1, clamps: [] });
    expect(Math.hypot(...updateOf(scene.link.replies[0]!))).toBeLessThanOrEqual(0.1);
    expect(scene.node.record.rounds[0]!.spentNoiseMultiplier).toBe(8);
  });

  const refusals: readonly (readonly [string, Readonly<Record<string, RecordValue>>])[] = [
    ['a round beyond the last', { 'server-round': { signed: 4n } }],
    ['round 0', { 'server-round': { signed: 0n } }],
    ['half a round', { 'server-round': { double: 1.5 } }],
    ['a round that is no number', { 'server-round': { text: '1' } }],
    ['another task', { task: { text: 'ef'.repeat(32) } }],
    ['a task that is no text', { task: { double: 1 } }],
    ['another base model', { 'base-model': { text: 'ef'.repeat(32) } }],
    ['a clip that is no number', { 'clip-norm': { double: Number.NaN } }],
    ['noise below zero', { 'noise-multiplier': { double: -1 } }],
    ['an endless bound', { 'norm-bound': { double: Number.POSITIVE_INFINITY } }],
  ];
  it.each(refusals)('%s is refused, with words to the server and nothing trained', async (_, change) => {
    const scene = await member();
    await scene.round(1, change);
    expect(scene.source.requests).toEqual([]);
    expect(scene.link.replies.map(({ error }) => error)).toEqual(['federation/beyond-agreement']);
    expect(scene.node.record.rounds).toMatchObject([{ outcome: 'declined', reason: 'federation/beyond-agreement', spentNoiseMultiplier: null }]);
  });

  it('another shape is refused', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, new Float32Array(9), scene.config(1));
    await scene.run();
    expect(scene.source.requests).toEqual([]);
    expect(scene.link.replies.map(({ error }) => error)).toEqual(['federation/malformed']);
  });

  it('a model of another size is not even fetched to its end', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, new Float32Array(100_000), scene.config(1));
    await scene.run();
    expect(scene.link.replies.map(({ error }) => error)).toEqual(['federation/too-large']);
  });

  it('a message of another kind, for another node, or with another tree is refused', async () => {
    for (const [change, code] of [[{ messageType: 'query' }, 'federation/beyond-agreement'], [{ sourceNodeId: 99n }, 'federation/malformed'], [{ messageId: 'aa'.repeat(32) }, 'federation/malformed']] as const) {
      const scene = await member();
      await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1), change);
      await scene.run();
      expect([change, scene.source.requests.length, outcomes(scene)[0]?.reason]).toEqual([change, 0, code]);
    }
  });

  it('an object that is not what its id says is refused', async () => {
    const scene = await member();
    const messageId = await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    scene.link.objects.set(messageId, (await buildObject(sha256, 'Message', [], new Uint8Array(3))).content);
    await scene.run();
    expect(outcomes(scene)).toEqual([{ round: null, outcome: 'declined', reason: 'federation/malformed' }]);
  });

  it('a message without an end in time is left alone', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1), { ttlSeconds: Number.NaN });
    await scene.run();
    expect([scene.node.record.work, scene.node.record.rounds]).toEqual([null, []]);
  });

  it('the same message again is left alone', async () => {
    const scene = await member();
    const messageId = await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    await scene.run();
    scene.link.deliverAgain(messageId);
    await scene.run();
    expect(scene.source.requests).toHaveLength(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('the same model under another round or run is refused: nobody trains it twice', async () => {
    const scene = await member();
    await scene.round(1);
    scene.link.runId = 8n;
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(2));
    await scene.run();
    expect(scene.source.requests).toHaveLength(1);
    expect(scene.link.replies.map(({ error }) => error)).toEqual([null, 'federation/repeated-round']);
  });

  it('new models for ever, round after round in new runs: the budget ends it, also after leaving and joining again', async () => {
    const scene = await member();
    for (let run = 1; run <= 5; run++) {
      scene.link.runId = BigInt(run);
      await scene.link.instruct(scene.nodeId, modelOf(run), scene.config(1));
      await scene.run();
    }
    expect(scene.source.requests).toHaveLength(task.rounds);
    expect(scene.link.replies.map(({ error }) => error)).toEqual([null, null, null, 'federation/beyond-agreement', 'federation/beyond-agreement']);
    await scene.node.leave();
    scene.key = await makeKey();
    await scene.load();
    await scene.run();
    await scene.link.instruct(scene.nodeId, modelOf(9), scene.config(1));
    await scene.run();
    expect(scene.source.requests).toHaveLength(task.rounds);
  });

  it('a limit of epsilon below the total ends participation early', async () => {
    const scene = await Scene.open();
    // One release at noise 4 is epsilon 0.926, two are 1.356, three 1.698, by `gaussianEpsilon`, which has tests of its own.
    scene.agreement = agreeTo(task, taskHash, 1.5);
    await scene.load();
    await scene.run();
    for (const round of [1, 2, 3]) await scene.round(round);
    expect(scene.source.requests).toHaveLength(2);
    expect(outcomes(scene).at(-1)).toEqual({ round: null, outcome: 'declined', reason: 'federation/over-budget' });
  });
});
