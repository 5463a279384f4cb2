import { afterEach, describe, expect, it } from 'vitest';
import { nanoShape } from '../engine/model/nano.ts';
import { npySize } from '../federation/arrays.ts';
import { sharedEpsilon } from '../federation/agreement.ts';
import { bytesToBase64 } from '../federation/signing.ts';
import { bytesToHex } from '../ground/bytes.ts';
import { orthonormalMap } from '../ground/orthonormal-map.ts';
import { foldedHead } from '../training/federated-projection.ts';
import { readModel } from './runs.ts';
import { openFederationScene, taskFile, type FederationScene } from './testing/federation-scene.ts';

const width = nanoShape.width;
const dimension = 8;
let scene: FederationScene | undefined;
afterEach(() => scene?.close());

/** Few numbers of each note, and all notes of the device as the unit. */
async function changed(): Promise<Readonly<Record<string, unknown>>> {
  const { head, labels } = taskFile('');
  if (!Array.isArray(labels) || typeof head !== 'object' || head === null) throw new Error('expected a task with a head');
  const directions = Int8Array.from({ length: 3 * width }, (_, i) => Math.round(100 * Math.sin(i * i)));
  const map = orthonormalMap({ dimension, seed: 11, directions }, width);
  const sha256 = bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', map)));
  return { unit: 'participant', coordinates: labels.length * (dimension + 1), head: { ...head, projection: { dimension, seed: 11, directions: bytesToBase64(new Uint8Array(directions.buffer)), sha256 } } };
}

describe('a federation over few numbers of all notes of a device', () => {
  it('is offered, fitted, previewed, trained and charged as such, and its model is one like any other', async () => {
    scene = await openFederationScene(await changed());
    const { federation } = scene.here.guard;
    const { task, taskHash, link } = scene.coordinator;
    const offer = await federation.offer();
    expect(offer).toMatchObject({ obstacle: null, task: { unit: 'participant' }, status: { epsilon: { unit: 'participant' } } });
    expect(offer.figures.bytesPerRound - npySize([task.coordinates])).toBeLessThan(4000);

    const projectId = await scene.join();
    const fit = await federation.fit(projectId, taskHash);
    // The notes name persons: the ledger counts by them, and the device has many.
    expect(fit).toMatchObject({ failure: null, roundsThatFit: 3 });
    expect(fit.units).toBeGreaterThan(20);
    expect(fit.epsilonAfter).toBeCloseTo(sharedEpsilon(task, [4, 4, 4]), 6);
    const preview = await federation.preview(projectId, taskHash, new AbortController().signal);
    // One clipped vector over so many numbers, against noise of four times two clip norms in each.
    expect(preview.spreadBefore).toBeLessThanOrEqual(0.3 / Math.sqrt(task.coordinates) + 1e-6);
    expect(preview.spreadAfter / (2 * 4 * 0.3)).toBeGreaterThan(0.6);
    expect(preview.spreadAfter / (2 * 4 * 0.3)).toBeLessThan(1.5);

    const one = await scene.round(1);
    expect(one.rounds[0]!.outcome).toBe('delivered');
    expect(one.epsilonSpent).toBeCloseTo(sharedEpsilon(task, [4]), 12);
    const sizes = [...link.replies[0]!.contents.values()].map((content) => content.length);
    expect(Math.max(...sizes) - npySize([task.coordinates])).toBeLessThan(100);
    const { entries } = await scene.here.guard.ledger();
    const charges = entries.flatMap(({ event }) => (event.kind === 'charge' ? [event] : []));
    expect(charges.map(({ step, mechanism }) => [step, mechanism.kind, mechanism.noiseMultiplier])).toEqual([[1, 'gaussian', 4]]);

    await scene.coordinator.release(1, 1, scene.model(1));
    const received = await federation.receive();
    const stored = await readModel(scene.here.database, received.runId);
    if (stored.model.kind !== 'head' || task.head === undefined) throw new Error('expected a head');
    expect(stored.model.weights).toEqual(foldedHead(task.head, scene.model(1)));
    expect(stored.model.weights).toHaveLength(task.labels.length * (width + 1));
    const { statement } = await scene.here.guard.results(projectId, received.runId);
    expect(statement).toMatchObject({ isPrivate: true, unit: 'person', clipNorm: 0.6, noiseMultiplier: 4, steps: 1 });
    expect((await scene.here.guard.classify(projectId, received.runId, 'chest pain on exertion')).probabilities).toHaveLength(task.labels.length);
    // The next one is compared with it, both as whole heads.
    await scene.coordinator.release(2, 2, scene.model(2));
    expect((await federation.receive()).accuracyBefore).toEqual(received.accuracy);
  });

  it('is not begun where the map comes out otherwise than the task says', async () => {
    const { head, ...change } = await changed();
    if (typeof head !== 'object' || head === null || !('projection' in head) || typeof head.projection !== 'object') throw new Error('expected a projection');
    await expect(openFederationScene({ ...change, head: { ...head, projection: { ...head.projection, sha256: '0'.repeat(64) } } })).rejects.toMatchObject({ code: 'federation/task', values: { field: 'head.projection.sha256' } });
  });
});
