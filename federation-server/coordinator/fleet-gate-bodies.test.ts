import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decode } from '../../src/federation/codec/decode.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { emptyMetricsId } from './checked-reply.ts';
import { confirmBody, give, handOut, instructionOf, objectBody, replyBody, replyMetadata, wanting } from './testing/fleet-bodies.ts';
import { Scene, type TestKey } from './testing/scene.ts';

let scene: Scene;
let key: TestKey;
beforeEach(async () => {
  scene = await Scene.start();
  key = await scene.member();
});
afterEach(() => scene.stop());

describe('an instruction that was given out', () => {
  const instruction = 'ef'.repeat(32);
  const given = instructionOf(instruction);

  it('reaches the node as the SuperLink gave it', async () => {
    scene.upstreamBody = given;
    const { status, body, headers } = await scene.fleet('pull-messages', key);
    expect([status, Buffer.compare(body, given), headers['content-type']]).toEqual([200, 0, 'application/protobuf']);
  });

  it('brings its run: calls that name another are not passed on, of which the SuperLink would write pages into its log', async () => {
    const id = replyMetadata.replyToMessageId;
    await give(scene, key, id);
    const other = { node: { nodeId: 9n }, runId: 2n };
    const before = scene.asked.length;
    for (const [name, body] of [['pull-object', encode(endpoints.pullObject.request, { ...other, objectId: id })], ['confirm-message-received', encode(endpoints.confirm.request, { ...other, messageObjectId: id })]] as const) {
      scene.nowMs += 1000;
      expect(await scene.fleet(name, key, body)).toMatchObject({ status: 400, reason: 'malformed' });
    }
    scene.nowMs += 1000;
    const { status, body } = await scene.fleet('push-object', key, encode(endpoints.pushObject.request, { ...other, objectId: 'ab'.repeat(32), content: Buffer.from('object'), sessionId: 'a session' }));
    expect([status, decode(endpoints.pushObject.answer, new Uint8Array(body), 1000).isStored, scene.asked.length]).toEqual([200, false, before]);
    scene.nowMs += 1000;
    await scene.fleet('push-object', key, objectBody('ab'.repeat(32), 'a session'));
    expect(scene.asked).toHaveLength(before + 1);
  });

  it('is answered as long as its round goes on: later the model is out, and an answer could name what the next round sends before it is sent', async () => {
    await give(scene, key, replyMetadata.replyToMessageId, 1000);
    await give(scene, key, '12'.repeat(32), 2000);
    const push = async (answers?: string) => {
      scene.nowMs += 1000;
      scene.upstreamBody = wanting();
      const before = scene.asked.length;
      const { status, body } = await scene.fleet('push-messages', key, replyBody(undefined, answers));
      const isPassedOn = scene.asked.length > before;
      // A node takes an answer to its first try that wants none of its objects for a refusal, and uploads nothing.
      if (!isPassedOn) expect([status, decode(endpoints.pushMessages.answer, new Uint8Array(body), 1000).objectsToPush]).toEqual([200, []]);
      return isPassedOn;
    };
    scene.answerableSince(1000);
    expect([await push(), await push('12'.repeat(32)), await push('34'.repeat(32))]).toEqual([true, true, false]);
    scene.answerableSince(null);
    expect([await push(), await push('12'.repeat(32))]).toEqual([false, false]);
    scene.answerableSince(1000.5);
    expect([await push(), await push('12'.repeat(32))]).toEqual([false, true]);
  });

  it('lends its id to no answer, to whatever it answers: the SuperLink would take the ServerApp for done with it', async () => {
    await give(scene, key, replyMetadata.replyToMessageId);
    scene.upstreamBody = wanting();
    expect((await scene.fleet('push-messages', key, replyBody(instruction))).status).toBe(200);
    scene.upstreamBody = given;
    scene.nowMs += 1000;
    await scene.fleet('pull-messages', key);
    scene.nowMs += 1000;
    expect(await scene.fleet('push-messages', key, replyBody(instruction))).toMatchObject({ status: 400, reason: 'malformed' });
    scene.nowMs += 1000;
    scene.upstreamBody = wanting();
    expect((await scene.fleet('push-messages', key, replyBody())).status).toBe(200);
  });

  it('is neither answered nor confirmed before its own object was handed out: its round may not all be on the list, and the rest could be stopped', async () => {
    const own = replyMetadata.replyToMessageId;
    scene.answerableSince(0);
    const calls = async () => {
      const statuses: (number | string)[] = [];
      for (const [name, body] of [['push-messages', replyBody()], ['confirm-message-received', confirmBody(own)]] as const) {
        scene.nowMs += 1000;
        const before = scene.asked.length;
        scene.upstreamBody = name === 'push-messages' ? wanting() : new Uint8Array(0);
        const { status } = await scene.fleet(name, key, body);
        statuses.push(scene.asked.length > before ? 'passed on' : status);
      }
      return statuses;
    };
    expect(await calls()).toEqual([200, 400]);
    scene.upstreamBody = instructionOf(own);
    scene.nowMs += 1000;
    await scene.fleet('pull-messages', key);
    expect(await calls()).toEqual([200, 400]);
    await handOut(scene, key, own, false);
    await handOut(scene, key, '12'.repeat(32), true);
    expect(await calls()).toEqual([200, 400]);
    await handOut(scene, key, own, true);
    expect(await calls()).toEqual(['passed on', 'passed on']);
  });

  it('is not passed on where it cannot be read', async () => {
    scene.upstreamBody = Buffer.of(18, 99, 1);
    expect(await scene.fleet('pull-messages', key)).toMatchObject({ status: 502, reason: 'upstream' });
  });
});

describe('an object without a session', () => {
  const instruction = 'ef'.repeat(32);
  const [own, chunk] = [replyMetadata.messageId, '77'.repeat(32)];
  const announce = async (status = 200, objectsToPush = [own, chunk, emptyMetricsId], sessionId = 'of its own') => {
    scene.upstreamStatus = status;
    scene.upstreamBody = wanting(objectsToPush, sessionId);
    scene.nowMs += 1000;
    await scene.fleet('push-messages', key, replyBody(undefined, undefined, [chunk, emptyMetricsId, instruction].map((objectId) => ({ objectId, children: [] }))));
    scene.upstreamStatus = 200;
  };
  /** The session in which each goes on; null: it does not. */
  const sessions = async (objectIds: readonly string[], sender = key, sessionId = '') => {
    const found: (string | null)[] = [];
    for (const objectId of objectIds) {
      scene.nowMs += 1000;
      scene.upstreamBody = encode(endpoints.pushObject.answer, { isStored: true });
      const before = scene.asked.length;
      const answer = await scene.fleet('push-object', sender, objectBody(objectId, sessionId));
      const isPassedOn = scene.asked.length > before;
      expect([answer.status, decode(endpoints.pushObject.answer, new Uint8Array(answer.body), 100).isStored]).toEqual([200, isPassedOn]);
      found.push(isPassedOn ? decode(endpoints.pushObject.request, new Uint8Array(scene.asked.at(-1)!.body), 10_000).sessionId : null);
    }
    return found;
  };

  it('is stored nowhere before its node has announced anything: the SuperLink would store it for whoever waits for it', async () => {
    expect(await sessions([emptyMetricsId, chunk])).toEqual([null, null]);
  });

  it('goes on in the session of what its node has announced, and nowhere where it is not of that', async () => {
    await give(scene, key, replyMetadata.replyToMessageId);
    const other = await scene.member();
    await announce();
    expect(await sessions([chunk, own, emptyMetricsId, '88'.repeat(32)])).toEqual(['of its own', 'of its own', 'of its own', null]);
    expect(await sessions([chunk, emptyMetricsId], other)).toEqual([null, null]);
    // Announced again, the server wants nothing more in the new session.
    await announce(200, [], 'a new one');
    expect(await sessions([chunk])).toEqual(['of its own']);
    await announce(200, [chunk], 'a new one');
    expect(await sessions([chunk])).toEqual(['a new one']);
    expect(await sessions([chunk], key, 'as named')).toEqual(['as named']);
  });

  it('is looked for by the SuperLink where it has failed to name one, unless it could be another\'s: shared, or of an instruction', async () => {
    await give(scene, key, replyMetadata.replyToMessageId);
    scene.upstreamBody = instructionOf(instruction);
    await scene.fleet('pull-messages', key);
    await announce(500);
    expect(await sessions([chunk, own, emptyMetricsId, instruction])).toEqual(['', '', null, null]);
  });
});
