import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { endpoints } from './endpoints.ts';
import { takeObject, typeOf } from './object-store.ts';
import type { SentReply } from './testing/fake-superlink.ts';
import { Scene } from './testing/node-scene.ts';

/** What a reply says beside its objects, field by field; all of it is known to the server already, or is the time. */
const metadataFields = ['createdAtSeconds', 'destinationNodeId', 'destinationTaskId', 'groupId', 'messageId', 'messageType', 'replyToMessageId', 'runId', 'sourceNodeId', 'sourceTaskId', 'ttlSeconds'];
/** The objects of a reply with an update, by type, each once: one array of the update, and a record of numbers that is empty. */
const objectTypes = ['Array', 'ArrayChunk', 'ArrayRecord', 'Message', 'MetricRecord', 'RecordDict'];

const secret = 'Jane Roe has lymphoma';

async function replied(change: (scene: Scene) => void): Promise<SentReply> {
  const scene = await Scene.open();
  await scene.run();
  change(scene);
  await scene.round(1);
  expect(scene.link.replies).toHaveLength(1);
  return scene.link.replies[0]!;
}

const bytesOf = (reply: SentReply): string => [...reply.contents.values()].map((bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).join('\n');

describe('what a call sends', () => {
  it('is known to the server or public, but for the objects of a reply, which follow from the released update', () => {
    expect(Object.values(endpoints).filter(({ reason }) => reason !== 'public').map(({ name, reason }) => [name, reason])).toEqual([['push-object', 'post-processing']]);
  });
});

describe('every field that leaves with a reply', () => {
  it('is the released update, or known to the server', async () => {
    const reply = await replied(() => undefined);
    expect(Object.keys(reply.metadata).filter((field) => !metadataFields.includes(field))).toEqual([]);
    expect(Object.keys(reply.metadata).length).toBeGreaterThan(8);
    expect([...reply.contents.values()].map((bytes) => typeOf(bytes)).sort()).toEqual(objectTypes);
    const [records] = takeObject(reply.contents, reply.rootId, 'Message').children;
    const numbers = takeObject(reply.contents, records!, 'RecordDict').children.find((id) => typeOf(reply.contents.get(id)!) === 'MetricRecord');
    // No number beside the update: none was paid for.
    expect(takeObject(reply.contents, numbers!, 'MetricRecord').body).toHaveLength(0);
    expect(reply.error).toBeNull();
  });

  it('follows from the released update alone: what else the source holds makes no difference to its bytes', async () => {
    const body = (reply: SentReply) => [...reply.contents.values()].filter((bytes) => typeOf(bytes) !== 'Message').map((bytes) => bytes.join()).sort();
    const plain = await replied(() => undefined);
    // The guard's answer with everything exact beside it that a careless guard could leave there.
    const careless = await replied((scene) => {
      const { train } = scene.source;
      scene.source.train = async (request) => Object.assign(await train.call(scene.source, request), { heldOutAccuracy: 0.91, notes: [secret], clippedShare: 0.3 });
    });
    expect(body(careless)).toEqual(body(plain));
    expect(bytesOf(careless)).not.toContain(secret);
    // And it does follow from the update.
    const other = await replied((scene) => (scene.source.update = [0, 1, 0, 0, 0, 0, 0, 0.25]));
    expect(body(other)).not.toEqual(body(plain));
  });

  it('is a code where training failed, whatever the error says', async () => {
    for (const error of [new Error(secret), new BedsideError('training/sum-check', 'internal', secret, secret, { text: secret })]) {
      const reply = await replied((scene) => (scene.source.failWith = error));
      expect(reply.error).toMatch(/^[a-z]+\/[a-z-]+$/);
      expect([...reply.contents.values()].map((bytes) => typeOf(bytes))).toEqual(['Message']);
      expect(bytesOf(reply)).not.toContain(secret);
    }
  });
});
