import { describe, expect, it } from 'vitest';
import { toNpy } from './arrays.ts';
import { encode } from './codec/encode.ts';
import { endpoints } from './endpoints.ts';
import { buildObject } from './object-store.ts';
import { garbage, refuse } from './testing/fake-superlink.ts';
import { sha256 } from './testing/golden.ts';
import { member, modelOf, outcomes, Scene, task, timesCalled, updateOf } from './testing/node-scene.ts';

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
    expect(timesCalled(scene, 'push-messages')).toBe(endpoint === 'push-messages' ? 2 : 1);
  });

  it('a delivered message: the round is lost, the next one is answered', async () => {
    const scene = await member();
    scene.link.faults = (name, nth) => (name === 'pull-messages' && nth === timesCalled(scene, 'pull-messages') && scene.link.replies.length === 0 && nth === 2 ? 'lose-answer' : null);
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
    expect(timesCalled(scene, 'push-object')).toBe(10);
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
    expect(timesCalled(scene, 'register-node')).toBe(1);
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
    expect([timesCalled(scene, 'push-object'), scene.link.replies]).toEqual([6, []]);
    await scene.run();
    expect(timesCalled(scene, 'push-object')).toBe(6);
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
