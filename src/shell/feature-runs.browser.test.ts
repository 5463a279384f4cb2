import { unzipSync } from 'fflate';
import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import type { BedsideService } from './bedside.service.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

const workers = watchWorkers();
const open = (count: number) => createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: count });

/** Every file of cached features with its bytes, by folder and name. */
async function filesOnDisk(): Promise<Record<string, string>> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('bedside-features');
  const files: Record<string, string> = {};
  for await (const folder of root.values()) {
    if (!(folder instanceof FileSystemDirectoryHandle)) continue;
    for await (const entry of folder.values()) {
      if (entry instanceof FileSystemFileHandle) files[`${folder.name}/${entry.name}`] = new Uint8Array(await (await entry.getFile()).arrayBuffer()).join();
    }
  }
  return files;
}

describe('cached note features of runs', () => {
  let service: BedsideService;
  beforeEach(async () => {
    service = open(2);
    await service.clearFeatures();
  });
  afterEach(() => clearAll(service));

  const featuresPart = async () => (await service.storage()).parts.find(({ part }) => part === 'features')!;

  async function started(id: string, steps: number) {
    const run = listen();
    const handle = await service.startRun(id, { ...(await proposedPlan(service, id)), epsilon: 1, steps }, run.onMessage);
    await run.pastStep(2);
    return { run, handle };
  }

  it('spare a run that is resumed in a new tab, with another number of workers, from reading a note', async () => {
    const id = await sampleProject(service);
    const { handle } = await started(id, 240);
    const before = await filesOnDisk();
    expect(Object.keys(before).length).toBeGreaterThanOrEqual(2);
    for (const name of ['guard', 'trainer', 'table']) for (const worker of workers.get(name) ?? []) worker.terminate();
    service = open(3);
    const { plan } = (await service.openProject(id)).runs[0]!;
    const forecast = await service.forecast(id, plan);
    const again = listen();
    await service.resumeRun(id, handle.runId, again.onMessage);
    expect(await again.end).toMatchObject({ kind: 'finished' });
    // A note that had not been found would have been computed and written.
    expect(await filesOnDisk()).toEqual(before);
    // The forecast knew that the notes were read, though fewer workers had read them.
    await service.clearFeatures();
    expect(forecast.seconds.central).toBeLessThan((await service.forecast(id, plan)).seconds.central);
  });

  it('serve a run of another kind on the same notes', async () => {
    const id = await sampleProject(service);
    const { run } = await started(id, 5);
    await run.end;
    const before = await filesOnDisk();
    const plain = listen();
    await service.startRun(id, { kind: 'label-sentences', maximumLength: (await proposedPlan(service, id)).maximumLength, unit: 'person', heldOutShare: 0.2, seed: 1 }, plain.onMessage);
    expect(await plain.end).toMatchObject({ kind: 'finished' });
    expect(await filesOnDisk()).toEqual(before);
  });

  it('show in the storage report, leave with the project, and are in no file that is saved', async () => {
    const id = await sampleProject(service);
    const { run } = await started(id, 5);
    await run.end;
    expect(await featuresPart()).toMatchObject({ count: 1 });
    expect((await featuresPart()).bytes).toBe(Object.values(await filesOnDisk()).reduce((sum, file) => sum + file.split(',').length, 0));
    const parts = unzipSync(new Uint8Array(await (await service.exportProject(id)).value.arrayBuffer()));
    expect(Object.keys(parts).sort()).toEqual(['ledger.json', 'models.json', 'project.json', 'results.json', 'runs.json', 'table.json']);
    const database = await openDB('bedside');
    const { secret, folder }: { secret: Uint8Array; folder: string } = await database.get('features', id);
    database.close();
    const hex = Array.from(secret, (byte) => byte.toString(16).padStart(2, '0')).join('');
    for (const part of Object.values(parts)) {
      const text = new TextDecoder().decode(part);
      for (const word of [folder, hex, secret.join(), btoa(String.fromCharCode(...secret))]) expect(text.includes(word)).toBe(false);
    }
    await service.deleteProject(id);
    expect(await filesOnDisk()).toEqual({});
    expect(await featuresPart()).toMatchObject({ bytes: 0, count: 0 });
  });

  it('can be deleted while a run goes on, in another tab too, and the run goes on', async () => {
    const [id, other] = [await sampleProject(service), await sampleProject(service)];
    const { run } = await started(other, 5);
    await run.end;
    const long = await started(id, 200);
    // So that it cannot have ended by the time that it is asked about, however slow this machine is just now.
    await long.handle.pause();
    const second = open(1);
    await second.deleteProject(other);
    expect(await featuresPart()).toMatchObject({ count: 1 });
    await second.clearFeatures();
    expect(await featuresPart()).toMatchObject({ bytes: 0, count: 0 });
    await expect(second.deleteProject(id)).rejects.toMatchObject({ code: 'storage/run-goes-on' });
    await long.handle.resume();
    expect(await long.run.end).toMatchObject({ kind: 'finished' });
    expect(await filesOnDisk()).toEqual({});
  });

  it('of other texts are gone once other columns are confirmed', async () => {
    const id = await sampleProject(service);
    const { run } = await started(id, 5);
    await run.end;
    const { columnRoles } = await service.openProject(id);
    const named = (role: string) => Object.keys(columnRoles).find((name) => columnRoles[name] === role)!;
    await service.setColumns(id, { ...columnRoles, [named('text')]: 'ignore', [named('person')]: 'text' });
    expect(await filesOnDisk()).toEqual({});
  });
});
