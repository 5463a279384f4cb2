import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { encode } from './codec/encode.ts';
import { endpoints } from './endpoints.ts';
import { refuse } from './testing/fake-superlink.ts';
import type { FederationStatus } from './status.ts';
import { member, modelOf, outcomes, Scene, task, taskHash, timesCalled, updateOf } from './testing/node-scene.ts';

describe('a node\'s life', () => {
  it('joins, trains each round once, sends what the guard released, and leaves without a trace of its key', async () => {
    const scene = await member();
    for (const round of [1, 2, 3]) await scene.round(round);
    expect(scene.link.replies.map(updateOf)).toEqual(Array.from({ length: 3 }, () => Float32Array.from(scene.source.update)));
    expect(scene.source.requests.map(({ model }) => model)).toEqual([modelOf(1), modelOf(2), modelOf(3)]);
    expect(outcomes(scene)).toEqual([1, 2, 3].map((round) => ({ round, outcome: 'delivered', reason: null })));
    expect(scene.link.objects.size).toBe(0);
    expect(await scene.node.leave()).toBe(true);
    expect(scene.store.hasKey).toBe(false);
    expect(scene.link.calls.slice(-2)).toEqual(['deactivate-node', 'unregister-node']);
    expect(await scene.node.advance()).toEqual({ kind: 'ended' });
    expect(scene.store.kept?.rounds).toHaveLength(3);
  });

  it('lists every body that was sent, with its size and hash', async () => {
    const scene = await member();
    await scene.round(1);
    expect(scene.exchanges).toHaveLength(scene.link.calls.length);
    expect(scene.exchanges.map(({ endpoint }) => endpoint)).toEqual(scene.link.calls);
    for (const { sentBytes, sentHash } of scene.exchanges) expect([sentBytes > 0, /^[0-9a-f]{64}$/.test(sentHash)]).toEqual([true, true]);
  });

  it('lists every object of a reply, as the server got it, and none where none was wanted', async () => {
    const scene = await member();
    await scene.round(1);
    const [reply] = scene.link.replies;
    const got = [...reply!.contents].map(([sha256, content]) => ({ sha256, bytes: content.length }));
    const [entry] = scene.node.record.rounds;
    expect(entry!.sent!.map(({ sha256, bytes }) => ({ sha256, bytes })).sort((a, b) => a.sha256.localeCompare(b.sha256))).toEqual(got.sort((a, b) => a.sha256.localeCompare(b.sha256)));
    expect(entry!.sent!.map(({ what }) => what).sort()).toEqual(['Array', 'ArrayChunk', 'ArrayRecord', 'Message', 'MetricRecord', 'RecordDict']);
    scene.source.failWith = new Error('training broke');
    await scene.round(2);
    expect(scene.node.record.rounds[1]!.sent!.map(({ what }) => what)).toEqual(['Message']);
    scene.source.failWith = null;
    scene.link.faults = (endpoint, nth) => (endpoint === 'push-messages' && nth === 3 ? new Response(encode(endpoints.pushMessages.answer, { reconnect: { seconds: 5n }, results: [], objectsToPush: [], sessionId: '' }), { headers: { 'content-type': 'application/protobuf' } }) : null);
    await scene.round(3);
    expect(scene.node.record.rounds[2]).toMatchObject({ outcome: 'refused', sent: [] });
  });

  it('lists what may have gone before it goes: a reload in the middle of it finds the list', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    scene.link.faults = (endpoint) => (endpoint === 'push-object' ? 'lose-answer' : null);
    await scene.run(({ work }) => work?.step === 'replying' && work.pushes > 0);
    expect(scene.store.kept!.rounds[0]!.sent).toHaveLength(6);
  });

  it('tells its source when an update would come too late, or is wanted no more', async () => {
    const scene = await member();
    let release = () => {};
    scene.source.hold = new Promise<void>((resolve) => { release = resolve; });
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1), { ttlSeconds: 100 });
    await scene.run(({ work }) => work?.step === 'training' && work.isPaid);
    await scene.node.advance();
    const isWanted = () => scene.source.requests[0]!.isWanted!();
    expect(await isWanted()).toBe(true);
    scene.clock.ms += 101_000;
    expect(await isWanted()).toBe(false);
    scene.clock.ms -= 101_000;
    const left = scene.node.leave();
    expect(await isWanted()).toBe(false);
    release();
    await left;
  });

  describe('a round that may be over before its time is up', () => {
    const tells = (change: Partial<FederationStatus>): FederationStatus => ({
      taskHash, state: 'training', round: null, roundsPlanned: 3, rounds: [], participants: { seats: 3, enrolled: 3, left: 0, present: 3, asked: 3, needed: 2 },
      epsilon: { spent: 0, perRound: 1, total: 2, delta: 1e-5, unit: 'row' }, initialAccuracy: null, model: null, refused: {}, ...change,
    });
    const done = { round: 1, isCounted: true, isKept: true, accepted: 2, dropped: 0, seconds: 60, deviceSeconds: 100, accuracy: null };

    it.each<readonly [string, Partial<FederationStatus>]>([
      ['is told as done', { rounds: [done], state: 'waiting' }],
      ['is one of before', { round: 2 }],
    ])('%s is missed before it is paid for', async (_, change) => {
      const scene = await Scene.open();
      scene.status = () => Promise.resolve(tells(change));
      await scene.load();
      await scene.run();
      await scene.round(1);
      expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'expired', reason: 'federation/expired' }]);
      expect(scene.node.record.rounds[0]!.spentNoiseMultiplier).toBeNull();
      expect([scene.source.requests.length, scene.link.replies.length]).toEqual([0, 0]);
    });

    it.each<readonly [string, () => Promise<FederationStatus>]>([
      ['goes on', () => Promise.resolve(tells({ round: 1 }))],
      ['is not spoken of', () => Promise.resolve(tells({ state: 'waiting' }))],
      ['is of another federation\'s status', () => Promise.resolve(tells({ taskHash: 'ef'.repeat(32), round: 2, rounds: [done] }))],
      ['cannot be asked about', () => Promise.reject(new Error('no status'))],
    ])('%s is trained', async (_, status) => {
      const scene = await Scene.open();
      scene.status = status;
      await scene.load();
      await scene.run();
      await scene.round(1);
      expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
    });

    it.each([['before', 10_000], ['after', 4_000_000]])('that ends while the notes are read costs nothing: the source asks again, %s its time is up', async (_, readingMs) => {
      const scene = await Scene.open();
      let isOver = false;
      scene.status = () => Promise.resolve(tells(isOver ? { round: 2 } : { round: 1 }));
      scene.source.beforeCharge = async ({ isWanted }) => {
        isOver = true;
        scene.clock.ms += readingMs;
        if (!(await isWanted!())) throw new BedsideError('training/federated-late', 'settings', 'The round was over.', 'Wait.');
      };
      await scene.load();
      await scene.run();
      await scene.round(1);
      expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'expired', reason: 'federation/expired' }]);
      expect(scene.node.record.rounds[0]!.spentNoiseMultiplier).toBeNull();
      expect(scene.link.replies).toEqual([]);
    });
  });

  it('rests: offline, asked for nothing more, and still a member that comes back', async () => {
    const scene = await member();
    await scene.node.rest();
    expect(scene.link.calls.at(-1)).toBe('deactivate-node');
    expect([...scene.link.nodes.values()]).toMatchObject([{ isOnline: false, isRegistered: true }]);
    scene.link.faults = (endpoint) => (endpoint === 'deactivate-node' ? 'lose-request' : null);
    await scene.node.rest();
    scene.link.faults = () => null;
    expect(scene.store.hasKey).toBe(true);
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('is heard before the server counts it as gone, also while it trains for an hour', async () => {
    const scene = await member();
    let release = () => {};
    scene.source.hold = new Promise<void>((resolve) => { release = resolve; });
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1), { ttlSeconds: 10_000 });
    await scene.run(({ work }) => work?.step === 'training' && work.isPaid);
    const before = timesCalled(scene, 'send-node-heartbeat');
    for (let minute = 0; minute < 60; minute++) {
      await scene.node.advance();
      scene.clock.ms += 60_000;
    }
    expect(timesCalled(scene, 'send-node-heartbeat') - before).toBeGreaterThanOrEqual(12);
    release();
    await scene.run();
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('asks a server that says no to every heartbeat once a second while it trains, not without end', async () => {
    const scene = await member();
    let release = () => {};
    scene.source.hold = new Promise<void>((resolve) => { release = resolve; });
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    await scene.run(({ work }) => work?.step === 'training' && work.isPaid);
    await scene.node.advance();
    scene.link.faults = (endpoint) => (endpoint === 'send-node-heartbeat' ? new Response(encode(endpoints.heartbeat.answer, { success: false }), { headers: { 'content-type': 'application/protobuf' } }) : endpoint === 'activate-node' ? refuse(412, 2004) : null);
    scene.clock.ms += 300_000;
    for (let turn = 0; turn < 3; turn++) expect(await scene.node.advance()).toMatchObject({ kind: 'wait', waitMs: 1000 });
    release();
    await scene.node.leave();
  });

  it('corrects a clock that is an hour off from the server\'s Date', async () => {
    const scene = await Scene.open();
    scene.deviceAheadMs = 3_600_000;
    scene.link.faults = (endpoint, nth) => (endpoint === 'register-node' && nth === 1 ? refuse(401, undefined, { date: new Date(scene.clock.ms).toUTCString() }) : null);
    await scene.run();
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('stops, with words, where its signature is refused for another reason', async () => {
    const scene = await member();
    scene.link.nodes.clear();
    expect(await scene.run()).toMatchObject({ kind: 'ended', error: { code: 'federation/not-authorised' } });
    expect(await scene.node.advance()).toMatchObject({ kind: 'ended', error: { code: 'federation/not-authorised' } });
  });

  it('waits for objects that are still being uploaded, longer each time', async () => {
    const scene = await member();
    const messageId = await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    scene.link.unavailable.add(messageId);
    await scene.node.advance();
    const waits = [];
    for (let step = 0; step < 8; step++) {
      const next = await scene.node.advance();
      waits.push(next.kind === 'wait' ? Math.round(next.waitMs) : null);
    }
    expect(waits).toEqual([1000, 1500, 2250, 3375, 5063, 7594, 10_000, 10_000]);
    scene.link.unavailable.clear();
    await scene.run();
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });
});

describe('an update of the guard', () => {
  it.each([
    ['too long is scaled to the bound', [30, 40, 0, 0, 0, 0, 0, 0], null],
    ['of another length is not sent', [1, 2, 3], 'federation/unfit-update'],
    ['with NaN is not sent', [1, 2, 3, 4, 5, 6, 7, Number.NaN], 'federation/unfit-update'],
    ['with infinity is not sent', [1, 2, 3, 4, 5, 6, 7, Number.NEGATIVE_INFINITY], 'federation/unfit-update'],
  ])('%s', async (_, update, error) => {
    const scene = await member();
    scene.source.update = update;
    await scene.round(1);
    expect(scene.link.replies.map((reply) => reply.error)).toEqual([error]);
    if (error === null) {
      const sent = updateOf(scene.link.replies[0]!);
      expect(Math.hypot(...sent)).toBeLessThanOrEqual(task.updateNormBound);
      // The margin against rounding is one part in 2^20.
      expect(Math.hypot(...sent)).toBeGreaterThan(task.updateNormBound * (1 - 2 ** -19));
      expect(sent[1]! / sent[0]!).toBeCloseTo(4 / 3, 6);
    }
  });

  it('that fails is an error reply that says nothing about why', async () => {
    const scene = await member();
    scene.source.failWith = new Error('row 14 is secret');
    await scene.round(1);
    expect(scene.link.replies.map(({ error }) => error)).toEqual(['federation/training-failed']);
    expect(JSON.stringify(scene.node.record.rounds)).not.toContain('secret');
  });
});

describe('what is about to leave', () => {
  it('is written down first; what cannot be is not sent', async () => {
    const scene = await Scene.open();
    const calls = () => scene.link.calls.length;
    const order: number[] = [];
    scene.onLeaving = async ({ bytes, sha256: hash }) => {
      expect([bytes > 0, /^[0-9a-f]{64}$/.test(hash)]).toEqual([true, true]);
      order.push(calls());
    };
    await scene.load();
    await scene.run();
    // Each was listed while the server had had only those before it.
    expect(order).toEqual(order.map((_, at) => at));
    expect(order).toHaveLength(calls());
    const before = calls();
    scene.onLeaving = () => Promise.reject(new Error('disk full'));
    await scene.load();
    expect(await scene.run()).toMatchObject({ kind: 'ended' });
    expect(calls()).toBe(before);
  });
});
