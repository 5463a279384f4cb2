import { describe, expect, it } from 'vitest';
import { turnedAway } from './errors.ts';
import { member, modelOf, Scene, timesCalled } from './testing/node-scene.ts';

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
    expect(timesCalled(scene, 'push-object')).toBe(2);
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
