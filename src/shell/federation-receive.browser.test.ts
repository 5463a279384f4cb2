import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFederationStore } from './federation-store.ts';
import { readDataset } from './projects.ts';
import { openFederationScene, roomLink, strangerLabel, type FederationScene } from './testing/federation-scene.ts';

let scene: FederationScene;
beforeEach(async () => {
  scene = await openFederationScene();
});
afterEach(() => scene.close());

const federation = () => scene.here.guard.federation;

/** Waits until what there was at the seat is kept, of this version. */
async function firstIsKept(version: number): Promise<void> {
  const store = await openFederationStore(scene.here.federationName);
  await expect.poll(async () => (await store.membership())?.first?.version).toBe(version);
  store.close();
}

describe('a model that comes back', () => {
  it.each<readonly [string, string, () => Promise<void>]>([
    ['of another hash', 'hash', async () => scene.coordinator.release(1, 1, scene.model(2), {}, new Uint8Array(new Float32Array(scene.coordinator.task.coordinates + 32).buffer))],
    ['signed by nobody', 'signature', async () => scene.coordinator.release(1, 1, scene.model(2), { round: 2 })],
    ['with a number that is none', 'numbers', async () => scene.coordinator.release(1, 1, scene.model(2).fill(NaN, 3, 4))],
  ])('%s is refused and thrown away', async (_, what, serve) => {
    const projectId = await scene.join();
    await serve();
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what } });
    expect(scene.told.at(-1)!.models).toEqual([]);
    expect(await scene.here.guard.resumeEpsilons(projectId)).toEqual({});
  });

  it('older than one that came before is refused', async () => {
    await scene.join();
    await scene.coordinator.release(2, 2, scene.model(2));
    await federation().receive();
    await scene.coordinator.release(1, 1, scene.model(3));
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what: 'version' } });
  });

  it('older than what there was at the seat, or another of a version that came before, is refused', async () => {
    await scene.coordinator.release(2, 2, scene.model(2));
    await scene.join();
    await firstIsKept(2);
    await scene.coordinator.release(1, 1, scene.model(3));
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what: 'version' } });
    await scene.coordinator.release(3, 3, scene.model(2));
    await federation().receive();
    await scene.coordinator.release(3, 3, scene.model(3));
    await expect(federation().receive()).rejects.toMatchObject({ code: 'federation/bad-model', values: { what: 'hash' } });
    await scene.until(({ models }) => models.length === 1 && models[0]!.version === 3);
  });

  it('and is worse on the own held-out notes gives way to the one before', async () => {
    const { labels, coordinates } = scene.coordinator.task;
    const inputs = coordinates / labels.length;
    const { projectId, invitation } = await federation().openDealtNotes(roomLink);
    const { notes } = await readDataset(scene.here.database, projectId);
    const counts = labels.map((label) => notes.filter((note) => note.label === label).length);
    /** Says the same of every note. */
    const always = (label: number) => Float32Array.from({ length: coordinates }, (_, i) => (i % inputs === inputs - 1 && Math.floor(i / inputs) === label ? 100 : 0));
    await scene.coordinator.release(0, 0, always(counts.indexOf(Math.max(...counts))));
    await scene.watch();
    await federation().join(projectId, scene.coordinator.taskHash, { kind: 'seat', token: invitation }, 10);
    await firstIsKept(0);
    await scene.coordinator.release(1, 1, always(labels.indexOf(strangerLabel)));
    const received = await federation().receive();
    expect(received.accuracy.count).toBe(0);
    expect(received.accuracyBefore!.count).toBeGreaterThan(0);
    expect(received.isKept).toBe(false);
    const kept = await scene.here.guard.results(projectId, received.runId);
    expect(kept.run).toMatchObject({ accuracy: received.accuracyBefore, pooled: { version: 0, rounds: 0 } });
  });
});
