import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { cdp } from 'vitest/browser';
import { buildDataset } from '../data/dataset.ts';
import { sampleTable } from '../data/sample.ts';
import { Crew } from './crew.ts';
import { nanoName } from './encoder-source.ts';
import type { FeatureGrant } from './feature-cache.ts';
import { featureLimitBytes, grantFeatures, mostFeatureBytes, storedFeatures, sweepFeatures } from './feature-store.ts';
import { deleteProject, duplicateProject, readProject, saveDataset } from './projects.ts';
import { connectTrainer, type RemoteTrainer } from './remote-trainer.ts';
import { featureUse, openFeatureScene, roles, type FeatureScene } from './testing/feature-scene.ts';

const settings = { layers: [2, 1], weights: [0.5, 0.5], isUnitLength: true };
const rows = Array.from({ length: 60 }, (_, row) => Int32Array.from({ length: 3 + (row % 9) }, (__, i) => (row * 7 + i * 13) % 60));

describe('cached note features', () => {
  let scene: FeatureScene;
  beforeEach(async () => {
    scene = await openFeatureScene();
  });
  afterEach(() => scene.close());

  /** Trainers of their own workers, as another session has them. */
  async function newTrainers(count: number): Promise<readonly RemoteTrainer[]> {
    const crew = new Crew('wasm', { name: nanoName, folder: '' }, count);
    onTestFinished(() => crew.dismiss());
    return Promise.all((await crew.ports()).map(connectTrainer));
  }

  /** Prepares `part` as a run does; says how many rows were found, and the features' exact sum. */
  async function prepare(trainer: RemoteTrainer, part: readonly Int32Array[], grant: FeatureGrant | null) {
    await trainer.useFeatures(grant);
    const cut = Math.floor(part.length * 0.8);
    await trainer.assign(part.slice(0, cut).map((ids, unit) => ({ unit, rows: [{ ids, label: 0 }] })), 'row');
    await trainer.assignHeldOut(part.slice(cut));
    const heard: number[] = [];
    await trainer.prepareFeatures(settings, (done) => heard.push(done), true);
    await trainer.useFeatures(null);
    const weights = Float32Array.from({ length: 3 * 65 }, (_, i) => Math.sin(i));
    // Rows that are computed are heard of by the micro-batch, 32 at most; found ones at once.
    return { steps: heard.length, sum: await trainer.featureSum(), scores: await trainer.scoreHead({ weights, classes: 3, biasInput: 0.3 }) };
  }

  const values = ({ sum, scores }: Awaited<ReturnType<typeof prepare>>) => ({ sum, scores });

  async function folderOf(grant: FeatureGrant): Promise<FileSystemDirectoryHandle> {
    return (await (await navigator.storage.getDirectory()).getDirectoryHandle(grant.rootName)).getDirectoryHandle(grant.folder);
  }

  async function contents(grant: FeatureGrant): Promise<Map<string, Uint8Array>> {
    const files = new Map<string, Uint8Array>();
    for await (const entry of (await folderOf(grant)).values()) {
      if (entry instanceof FileSystemFileHandle) files.set(entry.name, new Uint8Array(await (await entry.getFile()).arrayBuffer()));
    }
    return files;
  }

  async function overwrite(grant: FeatureGrant, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const writable = await (await (await folderOf(grant)).getFileHandle(name)).createWritable();
    await writable.write(bytes);
    await writable.close();
  }

  it('are found by the next session, bit for bit, and nothing is written again', async () => {
    const id = await scene.newProject();
    const [uncached] = await Promise.all([prepare((await newTrainers(1))[0]!, rows, null)]);
    const first = await prepare((await newTrainers(1))[0]!, rows, await scene.grantFor(id));
    const before = await contents(await scene.grantFor(id));
    const again = await prepare((await newTrainers(1))[0]!, rows, await scene.grantFor(id));
    expect(values(first)).toEqual(values(uncached));
    expect(values(again)).toEqual(values(uncached));
    expect(first.steps).toBe(3);
    // Training rows at once, then held-out rows at once.
    expect(again.steps).toBe(2);
    expect(await contents(await scene.grantFor(id))).toEqual(before);
  });

  it('are found whoever wrote them: two workers write at once, three read', async () => {
    const id = await scene.newProject();
    const writers = await newTrainers(2);
    const written = await scene.grantFor(id);
    await Promise.all([prepare(writers[0]!, rows.slice(0, 40), written), prepare(writers[1]!, rows.slice(20), written)]);
    const grant = await scene.grantFor(id);
    expect(grant.files.length).toBeGreaterThanOrEqual(2);
    const readers = await newTrainers(3);
    const parts = [rows.slice(0, 25), rows.slice(25, 45), rows.slice(45)];
    for (const read of await Promise.all(parts.map((part, index) => prepare(readers[index]!, part, grant)))) expect(read.steps).toBe(2);
    expect((await contents(grant)).size).toBe(grant.files.length);
  });

  it.each([
    ['cut short', (file: Uint8Array) => file.slice(0, file.length - 100)],
    ['empty', () => new Uint8Array(0)],
    ['damaged among the names', (file: Uint8Array) => file.map((byte, at) => (at === 60 ? byte ^ 4 : byte))],
    ['damaged among the values', (file: Uint8Array) => file.map((byte, at) => (at === file.length - 60 ? byte ^ 4 : byte))],
  ])('are dropped and computed anew where a file is %s', async (_name, damage) => {
    const id = await scene.newProject();
    const [trainer] = await newTrainers(1);
    const first = await prepare(trainer!, rows, await scene.grantFor(id));
    const grant = await scene.grantFor(id);
    const files = await contents(grant);
    for (const [name, file] of files) await overwrite(grant, name, new Uint8Array(damage(file)));
    const again = await prepare(trainer!, rows, grant);
    expect(again.steps).toBe(3);
    expect(values(again)).toEqual(values(first));
    const after = await contents(grant);
    for (const name of files.keys()) expect(after.has(name)).toBe(false);
    expect((await prepare(trainer!, rows, await scene.grantFor(id))).steps).toBe(2);
  });

  it('of two projects with the same texts look different on disk, and neither reads the other', async () => {
    const id = await scene.newProject();
    const copy = (await duplicateProject(scene.database, id)).id;
    const [trainer] = await newTrainers(1);
    await prepare(trainer!, rows, await scene.grantFor(id));
    expect((await prepare(trainer!, rows, await scene.grantFor(copy))).steps).toBe(3);
    const [one, two] = [await contents(await scene.grantFor(id)), await contents(await scene.grantFor(copy))];
    const pieces = new Set([...one.values()].flatMap((file) => Array.from({ length: file.length - 32 }, (_, at) => (at < 16 ? '' : file.slice(at, at + 16).join()))));
    for (const file of two.values()) for (let at = 16; at < file.length - 32; at++) expect(pieces.has(file.slice(at, at + 16).join())).toBe(false);
    const [a, b] = [await scene.grantFor(id), await scene.grantFor(copy)];
    expect((await prepare(trainer!, rows, { ...a, secret: b.secret })).steps).toBe(3);
  });

  it('go with their project, stay with its duplicate, and are not written again by a run that does not know yet', async () => {
    const id = await scene.newProject();
    const copy = (await duplicateProject(scene.database, id)).id;
    const [trainer] = await newTrainers(1);
    for (const project of [id, copy]) await prepare(trainer!, rows, await scene.grantFor(project));
    expect((await storedFeatures(scene.database)).count).toBe(2);
    const late = await scene.grantFor(id);
    await deleteProject(scene.database, id);
    await sweepFeatures(scene.database);
    expect((await storedFeatures(scene.database)).count).toBe(1);
    expect((await prepare(trainer!, rows, late)).steps).toBe(3);
    expect((await storedFeatures(scene.database)).count).toBe(1);
    expect((await prepare(trainer!, rows, await scene.grantFor(copy))).steps).toBe(2);
  });

  it('go when other columns hold the texts, at once, and stay when only other columns change', async () => {
    const id = await scene.newProject();
    const [trainer] = await newTrainers(1);
    await prepare(trainer!, rows, await scene.grantFor(id));
    const change = async (others: Parameters<typeof saveDataset>[2]) => {
      await saveDataset(scene.database, id, others, buildDataset(sampleTable(), others));
      await sweepFeatures(scene.database);
    };
    const before = await readProject(scene.database, id);
    await change({ ...roles, patient: 'ignore' });
    expect((await storedFeatures(scene.database)).count).toBe(1);
    await change({ ...roles, note: 'ignore', patient: 'text' });
    expect(await storedFeatures(scene.database)).toEqual({ bytes: 0, count: 0 });
    // A run that has read the earlier columns gets no place for their texts.
    expect(await grantFeatures(scene.database, before, featureUse)).toBeNull();
  });

  it('give way to the project that is used now, those used longest ago first', async () => {
    const [oldest, older, now] = [await scene.newProject(), await scene.newProject(), await scene.newProject()];
    const [trainer] = await newTrainers(1);
    for (const id of [oldest, older]) await prepare(trainer!, rows, await scene.grantFor(id));
    const { bytes } = await storedFeatures(scene.database);
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    const limit = featureLimitBytes({ quota, usage }, bytes);
    const grant = await scene.grantFor(now, { bytes: limit - bytes * 0.75 });
    expect(grant.allowanceBytes).toBeLessThanOrEqual(mostFeatureBytes);
    const left = await scene.database.getAllKeys('features');
    expect(left.sort()).toEqual([older, now].sort());
    expect((await storedFeatures(scene.database)).bytes).toBe(bytes / 2);
  });

  it('never go beyond the bytes allowed', async () => {
    const id = await scene.newProject();
    const [trainer] = await newTrainers(1);
    const first = await prepare(trainer!, rows, { ...(await scene.grantFor(id)), allowanceBytes: 0 });
    expect(first.steps).toBe(3);
    expect((await storedFeatures(scene.database)).bytes).toBe(0);
  });

  it('are done without where the disk is full, and the run never hears of it', async () => {
    const id = await scene.newProject();
    const [trainer] = await newTrainers(1);
    const uncached = await prepare(trainer!, rows, null);
    const grant = await scene.grantFor(id);
    const { usage = 0 } = await navigator.storage.estimate();
    const session = cdp();
    await session.send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize: usage + 1000 });
    try {
      const full = await prepare(trainer!, rows, grant);
      expect(values(full)).toEqual(values(uncached));
      expect((await contents(grant)).size).toBe(0);
    } finally {
      await session.send('Storage.overrideQuotaForOrigin', { origin: location.origin });
    }
    await prepare(trainer!, rows, await scene.grantFor(id));
    expect((await contents(grant)).size).toBeGreaterThan(0);
  });

  it('are no trace of a check or a prediction: only the notes of a run are kept', async () => {
    const id = await scene.newProject();
    const [trainer] = await newTrainers(1);
    await trainer!.useFeatures(await scene.grantFor(id));
    await trainer!.assign([{ unit: 0, rows: [{ ids: rows[0]!, label: 0 }] }], 'row');
    await trainer!.prepareFeatures(settings, () => undefined);
    await trainer!.encode(rows, settings);
    expect((await storedFeatures(scene.database)).bytes).toBe(0);
  });
});
