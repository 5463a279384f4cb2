import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { readArray, toNpy } from './arrays.ts';
import { agreeTo } from './agreement.ts';
import { encode } from './codec/encode.ts';
import type { RecordValue } from './codec/record-messages.ts';
import { endpoints } from './endpoints.ts';
import { turnedAway } from './errors.ts';
import { buildObject, takeObject } from './object-store.ts';
import { garbage, refuse, type SentReply } from './testing/fake-superlink.ts';
import type { FederationStatus } from './status.ts';
import { sha256 } from './testing/golden.ts';
import { makeKey, modelOf, Scene, task, taskHash } from './testing/node-scene.ts';

/** The update in a reply that reached the server whole. */
function updateOf({ contents, rootId }: SentReply): Float32Array {
  const [records] = takeObject(contents, rootId, 'Message').children;
  const [arrays] = takeObject(contents, records!, 'RecordDict').children;
  const [array] = takeObject(contents, arrays!, 'ArrayRecord').children;
  return readArray(contents, array!, [task.coordinates]);
}

const outcomes = (scene: Scene) => scene.node.record.rounds.map(({ round, outcome, reason }) => ({ round, outcome, reason }));
const count = (scene: Scene, endpoint: string) => scene.link.calls.filter((name) => name === endpoint).length;

async function member(): Promise<Scene> {
  const scene = await Scene.open();
  await scene.run();
  return scene;
}

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
    const before = count(scene, 'send-node-heartbeat');
    for (let minute = 0; minute < 60; minute++) {
      await scene.node.advance();
      scene.clock.ms += 60_000;
    }
    expect(count(scene, 'send-node-heartbeat') - before).toBeGreaterThanOrEqual(12);
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

describe('what gets lost on the way', () => {
  const endpoints = ['register-node', 'activate-node', 'pull-object', 'confirm-message-received', 'push-messages', 'push-object'];

  it.each(endpoints.flatMap((endpoint) => (['lose-request', 'lose-answer'] as const).map((fault) => [fault, endpoint] as const)))('%s of %s: the round is answered all the same, and trained once', async (fault, endpoint) => {
    const scene = await Scene.open();
    scene.link.faults = (name, nth) => (name === endpoint && nth === 1 ? fault : null);
    await scene.run();
    await scene.round(1);
    expect(scene.source.requests).toHaveLength(1);
    expect(scene.link.replies.map(updateOf)).toEqual([Float32Array.from(scene.source.update)]);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('the answer to the last object: the server has the reply, the node says that it is unclear', async () => {
    const scene = await member();
    scene.link.faults = (name, nth) => (name === 'push-object' && nth === 6 ? 'lose-answer' : null);
    await scene.round(1);
    expect(scene.link.replies).toHaveLength(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'unclear', reason: null }]);
    await scene.round(2);
    expect(scene.link.replies).toHaveLength(2);
  });

  it.each([['the answer to the message', 'push-messages', 'lose-answer'], ['the answer to an object', 'push-object', 'lose-answer'], ['an object, because the database is locked', 'push-object', 'locked']] as const)('%s, after which the ServerApp asks for the reply: the upload goes on where it was', async (_, endpoint, fault) => {
    const scene = await member();
    scene.link.isAskedAtOnce = true;
    scene.link.faults = (name, nth) => (name !== endpoint || nth !== 1 ? null : fault === 'locked' ? new Response(new Uint8Array(0), { status: 200, headers: { 'content-type': 'application/protobuf' } }) : fault);
    await scene.round(1);
    expect(scene.link.replies.map(updateOf)).toEqual([Float32Array.from(scene.source.update)]);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
    expect(count(scene, 'push-messages')).toBe(endpoint === 'push-messages' ? 2 : 1);
  });

  it('a delivered message: the round is lost, the next one is answered', async () => {
    const scene = await member();
    scene.link.faults = (name, nth) => (name === 'pull-messages' && nth === count(scene, 'pull-messages') && scene.link.replies.length === 0 && nth === 2 ? 'lose-answer' : null);
    await scene.round(1);
    await scene.round(2);
    expect(scene.node.record.rounds.map(({ round }) => round)).toEqual([2]);
  });

  it.each([
    ['no network', 'lose-request' as const, 'federation/unreachable'],
    ['a server error', 'busy' as const, 'federation/busy'],
    ['a sign-in page', 'page' as const, 'federation/content-type'],
    ['garbage', 'garbage' as const, 'federation/malformed'],
    ['an answer without end', 'large' as const, 'federation/too-large'],
  ])('%s: it tries again, ever more slowly, and goes on', async (_, kind, code) => {
    const scene = await member();
    let isDown = true;
    scene.link.faults = () => {
      if (!isDown) return null;
      if (kind === 'lose-request') return kind;
      if (kind === 'busy') return refuse(503);
      if (kind === 'page') return new Response('<html>', { status: 200, headers: { 'content-type': 'text/html' } });
      return kind === 'garbage' ? garbage() : new Response(new Uint8Array(100_000), { status: 200, headers: { 'content-type': 'application/protobuf' } });
    };
    const waits: number[] = [];
    for (let step = 0; step < 12; step++) {
      const next = await scene.node.advance();
      expect(next).toMatchObject({ kind: 'wait', error: { code } });
      if (next.kind === 'wait') waits.push(next.waitMs);
    }
    expect(waits.slice(0, 4)).toEqual([750, 1500, 3000, 6000]);
    expect(Math.max(...waits)).toBe(225_000);
    isDown = false;
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('an object that the server turns away again and again: the node gives up', async () => {
    const scene = await member();
    scene.link.faults = (name) => (name === 'push-object' ? new Response(new Uint8Array(0), { status: 200 }) : null);
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'refused', reason: null }]);
    // Two a try.
    expect(count(scene, 'push-object')).toBe(10);
  });

  it('the one object that all updates share, because another node has stored it in this session: the others go all the same', async () => {
    const scene = await member();
    const shared = await buildObject(sha256, 'MetricRecord', [], new Uint8Array(0));
    scene.link.storedByOthers.set(shared.id, shared.content);
    await scene.round(1);
    expect(scene.link.replies.map(updateOf)).toEqual([Float32Array.from(scene.source.update)]);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
  });

  it('the update itself, and no other object: the node does not call it delivered', async () => {
    const scene = await member();
    const chunk = await buildObject(sha256, 'ArrayChunk', [], toNpy(Float32Array.from(scene.source.update), [scene.source.update.length]));
    scene.link.storedByOthers.set(chunk.id, chunk.content);
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'refused', reason: null }]);
  });

  it('nothing but patience, where a proxy refuses with a page of its own: the round is answered, and leaving is told', async () => {
    const scene = await member();
    const page = () => new Response('<html>', { status: 403, headers: { 'content-type': 'text/html' } });
    scene.link.faults = (name, nth) => (nth === 1 && ['confirm-message-received', 'push-messages', 'push-object'].includes(name) ? page() : null);
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'delivered', reason: null }]);
    scene.link.faults = page;
    expect(await scene.node.leave()).toBe(false);
    expect(scene.store.hasKey).toBe(true);
    scene.link.faults = () => null;
    expect(await scene.run()).toEqual({ kind: 'ended' });
    expect([scene.store.hasKey, scene.node.record.membership]).toEqual([false, { state: 'left', wasServerTold: true }]);
  });

  it('a run that was stopped: the work is dropped', async () => {
    const scene = await member();
    scene.link.faults = (name) => (name === 'push-messages' ? refuse(403, 2007) : null);
    await scene.round(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'dropped', reason: 'federation/refused' }]);
  });

  it('time: an instruction that is over is not trained, one that runs out is not sent', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1), { createdAtSeconds: scene.clock.ms / 1000 - 10, ttlSeconds: 5 });
    await scene.run();
    expect(scene.source.requests).toHaveLength(0);
    let release = () => {};
    scene.source.hold = new Promise<void>((resolve) => { release = resolve; });
    await scene.link.instruct(scene.nodeId, modelOf(2), scene.config(2), { ttlSeconds: 60 });
    await scene.run(({ work }) => work?.step === 'training' && work.isPaid);
    await scene.node.advance();
    scene.clock.ms += 61_000;
    release();
    await scene.run();
    expect(outcomes(scene)).toEqual([{ round: null, outcome: 'expired', reason: 'federation/expired' }, { round: 2, outcome: 'expired', reason: 'federation/expired' }]);
    expect(scene.link.replies).toEqual([]);
  });
});

describe('a reload', () => {
  const steps = ['fetching', 'confirming', 'replying'] as const;

  it.each(steps)('while %s goes on where it was', async (step) => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    await scene.run(({ work }) => work?.step === step);
    await scene.load();
    await scene.run();
    expect(scene.source.requests).toHaveLength(1);
    expect(scene.link.replies.map(updateOf)).toEqual([Float32Array.from(scene.source.update)]);
    expect(count(scene, 'register-node')).toBe(1);
  });

  it('before an answer that the server refuses: each object is offered once, and the answer is listed as unclear', async () => {
    const scene = await member();
    const answered = (body: Uint8Array<ArrayBuffer>) => new Response(body, { headers: { 'content-type': 'application/protobuf' } });
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    await scene.run(({ work }) => work?.step === 'replying' && work.pushes > 0);
    scene.link.faults = (name) => (name === 'push-messages' ? answered(encode(endpoints.pushMessages.answer, { results: [], objectsToPush: [], sessionId: '' })) : name === 'push-object' ? answered(encode(endpoints.pushObject.answer, { isStored: false })) : null);
    await scene.load();
    await scene.run();
    expect(scene.node.record.rounds).toMatchObject([{ round: 1, outcome: 'unclear', sent: Array.from({ length: 6 }, () => ({})) }]);
    expect([count(scene, 'push-object'), scene.link.replies]).toEqual([6, []]);
    await scene.run();
    expect(count(scene, 'push-object')).toBe(6);
  });

  it('while training declines the round: what was paid stays paid, nothing is trained twice', async () => {
    const scene = await member();
    scene.source.hold = new Promise<void>(() => {});
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    await scene.run(({ work }) => work?.step === 'training' && work.isPaid);
    await scene.node.advance();
    expect(scene.source.requests).toHaveLength(1);
    await scene.load();
    await scene.run();
    expect(scene.source.requests).toHaveLength(1);
    expect(outcomes(scene)).toEqual([{ round: 1, outcome: 'declined', reason: 'federation/interrupted-round' }]);
    expect(scene.node.record.rounds[0]!.spentNoiseMultiplier).toBe(task.noiseMultiplier);
    expect(scene.link.replies.map(({ error }) => error)).toEqual(['federation/interrupted-round']);
  });

  it('while leaving: it leaves', async () => {
    const scene = await member();
    scene.store.kept = { ...scene.store.kept!, membership: { state: 'leaving', nodeId: scene.nodeId } };
    await scene.load();
    expect(await scene.node.advance()).toEqual({ kind: 'ended' });
    expect(scene.store.hasKey).toBe(false);
    expect([...scene.link.nodes.values()].map(({ isRegistered }) => isRegistered)).toEqual([false]);
  });

  it('nothing is told to the server before it is saved: at every save that fails, the node stops and a reload finds the truth', async () => {
    const whole = await member();
    await whole.round(1);
    const saves = whole.store.saves;
    for (let failing = 3; failing <= saves; failing++) {
      const scene = await member();
      scene.store.failAt = failing;
      const end = await scene.round(1);
      expect(end).toMatchObject({ kind: 'ended' });
      scene.store.failAt = null;
      await scene.load();
      await scene.run();
      // Once at most, whichever write failed; never an update that was not counted as spent.
      expect(scene.source.requests.length).toBeLessThanOrEqual(1);
      const spent = scene.node.record.rounds.filter(({ spentNoiseMultiplier }) => spentNoiseMultiplier !== null).length;
      const updates = scene.link.replies.filter(({ error }) => error === null).length;
      expect([failing, spent >= updates, spent >= scene.source.requests.length]).toEqual([failing, true, true]);
    }
    expect(saves).toBeGreaterThan(6);
  });
});

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

describe('leaving', () => {
  it('in the middle of training cancels it and sends nothing', async () => {
    const scene = await member();
    scene.source.hold = new Promise<void>(() => {});
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    await scene.run(({ work }) => work?.step === 'training' && work.isPaid);
    await scene.node.advance();
    expect(await scene.node.leave()).toBe(true);
    expect([scene.source.isCancelled, scene.link.replies.length, scene.store.hasKey]).toEqual([true, 0, false]);
  });

  it('in the middle of an upload ends it between two objects', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    let left: Promise<boolean> | null = null;
    scene.link.faults = (name, nth) => {
      if (name === 'push-object' && nth === 2) left = scene.node.leave();
      return null;
    };
    await scene.run();
    expect(await left).toBe(true);
    expect(count(scene, 'push-object')).toBe(2);
    expect(scene.link.replies).toEqual([]);
  });

  it('is kept at once, also while a call hangs: a page that is closed meanwhile answers nothing when it comes back', async () => {
    const scene = await member();
    const { nodeId } = scene;
    let calls = 0;
    scene.onLeaving = () => new Promise<void>(() => calls++);
    void scene.node.advance();
    await expect.poll(() => calls).toBe(1);
    void scene.node.leave();
    await expect.poll(() => scene.store.kept?.membership.state).toBe('leaving');
    await scene.link.instruct(nodeId, modelOf(1), scene.config(1));
    scene.onLeaving = () => Promise.resolve();
    await scene.load();
    expect(await scene.run()).toEqual({ kind: 'ended' });
    expect([scene.store.hasKey, scene.source.requests, scene.link.replies]).toEqual([false, [], []]);
  });

  it('is not undone by a step that was under way', async () => {
    const scene = await Scene.open();
    const held: { goOn?: () => void } = {};
    scene.onLeaving = () => new Promise<void>((resolve) => (held.goOn = resolve));
    const step = scene.node.advance();
    await expect.poll(() => held.goOn).toBeDefined();
    const left = scene.node.leave();
    await expect.poll(() => scene.store.kept?.membership.state).toBe('leaving');
    scene.onLeaving = () => Promise.resolve();
    const states: string[] = [];
    const save = scene.store.save.bind(scene.store);
    scene.store.save = (record) => {
      states.push(record.membership.state);
      return save(record);
    };
    held.goOn!();
    await step;
    expect(await left).toBe(true);
    expect([states, scene.link.calls]).toEqual([['leaving', 'left'], ['register-node', 'deactivate-node', 'unregister-node']]);
  });

  it('without a network keeps the key for that one word, answers nothing, and tells the server once it is back, also after a reload', async () => {
    const scene = await member();
    await scene.link.instruct(scene.nodeId, modelOf(1), scene.config(1));
    scene.link.faults = () => 'lose-request';
    expect(await scene.node.leave()).toBe(false);
    expect([scene.store.hasKey, scene.node.record.membership.state]).toEqual([true, 'leaving']);
    expect(await scene.node.advance()).toMatchObject({ kind: 'wait', error: { code: 'federation/unreachable' } });
    await scene.load();
    scene.link.faults = () => null;
    expect(await scene.run()).toEqual({ kind: 'ended' });
    expect([scene.store.hasKey, scene.node.record.membership]).toEqual([false, { state: 'left', wasServerTold: true }]);
    expect([scene.source.requests, scene.link.replies]).toEqual([[], []]);
  });

  it('destroys the key at once where the person wants that more, also while a call hangs', async () => {
    const scene = await member();
    scene.resign = () => new Promise<void>(() => {});
    await scene.load();
    void scene.node.leave();
    await expect.poll(() => scene.node.record.membership.state).toBe('leaving');
    await scene.node.destroyKey();
    expect([scene.store.hasKey, scene.node.record.membership]).toEqual([false, { state: 'left', wasServerTold: false }]);
  });

  it('tells the coordinator, and nobody else where that is heard: one that does not know the key any more has been told', async () => {
    for (const answer of [null, turnedAway('has-left'), turnedAway('not-enrolled')]) {
      const scene = await member();
      let asked = 0;
      scene.resign = async () => { asked++; if (answer) throw answer; };
      await scene.load();
      const calls = scene.link.calls.length;
      expect(await scene.node.leave()).toBe(true);
      expect([asked, scene.link.calls.length - calls, scene.store.hasKey]).toEqual([1, 0, false]);
    }
  });

  it('tells the SuperLink where the coordinator has no such address', async () => {
    const scene = await member();
    scene.resign = () => Promise.reject(turnedAway('no-such-path'));
    await scene.load();
    expect(await scene.node.leave()).toBe(true);
    expect(scene.link.calls.slice(-2)).toEqual(['deactivate-node', 'unregister-node']);
  });

  it('sends no heartbeat afterwards', async () => {
    const scene = await member();
    await scene.node.leave();
    scene.clock.ms += 10_000_000;
    await scene.run();
    expect(scene.link.calls.at(-1)).toBe('unregister-node');
  });

  it('is needed before other terms are joined', async () => {
    const scene = await member();
    scene.agreement = { ...scene.agreement, taskHash: 'ee'.repeat(32) };
    await expect(scene.load()).rejects.toMatchObject({ code: 'federation/other-agreement' });
  });
});
