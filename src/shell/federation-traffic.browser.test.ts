import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFederationScene, type FederationScene } from './testing/federation-scene.ts';

let scene: FederationScene;
beforeEach(async () => {
  scene = await openFederationScene();
});
afterEach(() => scene.close());

const federation = () => scene.here.guard.federation;

describe('the list of what left', () => {
  const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  /** What went over the wire with a body, told by the other side. */
  const gone = async () => {
    const counts = new Map<string, { times: number; bytes: number }>();
    for (const { path, body } of scene.coordinator.requests) {
      if (body.length === 0) continue;
      const key = `${path.split('/').at(-1)} ${hex(await crypto.subtle.digest('SHA-256', Uint8Array.from(body)))}`;
      counts.set(key, { times: (counts.get(key)?.times ?? 0) + 1, bytes: body.length });
    }
    return counts;
  };
  const sameAsGone = async () => {
    const lines = await federation().sent();
    expect(Object.fromEntries(lines.map(({ endpoint, sha256, times, bytes }) => [`${endpoint} ${sha256}`, { times, bytes }]))).toEqual(Object.fromEntries(await gone()));
    return lines;
  };

  it('is each body of each call, by hash, length and number, from the first that asks for a seat to the last that leaves; also after a reload', async () => {
    await scene.join();
    await scene.round(1);
    await scene.here.reload();
    await scene.watch();
    await scene.until(({ phase }) => phase === 'waiting');
    await scene.round(2);
    await federation().leave();
    const { sentBytes } = await scene.until(({ phase }) => phase === 'left');
    const lines = await sameAsGone();
    for (const endpoint of ['deal', 'enrol', 'register-node', 'activate-node', 'pull-messages', 'pull-object', 'confirm-message-received', 'push-messages', 'push-object']) expect(lines.map((line) => line.endpoint)).toContain(endpoint);
    // Polls are the same every time: one line.
    expect(lines.filter(({ endpoint }) => endpoint === 'pull-messages')).toHaveLength(1);
    expect(sentBytes).toBe(scene.coordinator.requests.reduce((sum, { body }) => sum + body.length, 0));
    await scene.here.reload();
    expect(await federation().sent()).toEqual(lines);
  });

  it('has what was lost on the way as well: it may have arrived', async () => {
    let lost = 0;
    scene.coordinator.link.faults = (name) => (name === 'push-messages' && lost++ === 0 ? 'lose-request' : null);
    await scene.join();
    await scene.round(1);
    const [pushed] = (await sameAsGone()).filter(({ endpoint }) => endpoint === 'push-messages');
    expect(pushed).toMatchObject({ times: 2 });
  });
});

describe('the count of what came', () => {
  /** Until so many answers more were counted that some of them came after anything else was saved. */
  const grown = async () => {
    const before = scene.told.at(-1)!.receivedBytes;
    await scene.until(({ receivedBytes }) => receivedBytes > before + 5000);
  };

  it('never falls, neither by a reload nor by leaving after the end', async () => {
    await scene.join();
    await grown();
    await scene.here.reload();
    await scene.watch();
    await scene.until(({ phase }) => phase === 'waiting');
    await grown();
    scene.coordinator.state = 'finished';
    await scene.until(({ phase }) => phase === 'ended');
    await grown();
    await federation().leave();
    await scene.until(({ phase }) => phase === 'left');
    const counts = scene.told.map((membership) => membership?.receivedBytes ?? 0);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });
});
