import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { FeatureGrant } from './feature-cache.ts';
import { outputUseOf, storedFeatures, sweepFeatures } from './feature-store.ts';
import { deleteProject } from './projects.ts';
import { nanoShape } from '../engine/model/nano.ts';
import type { PlainLayersPlan } from '../training/plan.ts';
import { wrap, type Remote } from './remote.ts';
import type { PrefixFilesHost } from './testing/prefix-files.worker.ts';
import { openFeatureScene, type FeatureScene } from './testing/feature-scene.ts';

const row = (seed: number) => Int32Array.from({ length: 5 }, (_, i) => (seed * 7 + i * 13) % 60);
const outputs = (seed: number) => Uint16Array.from({ length: 5 * 32 }, (_, i) => (seed * 977 + i * 31) % 65536);
const fileBytes = 5 * 32 * 2 + 28;

describe('outputs of frozen layers on disk', () => {
  let scene: FeatureScene;
  beforeEach(async () => {
    scene = await openFeatureScene();
  });
  afterEach(() => scene.close());

  async function worker(grant: FeatureGrant): Promise<Remote<PrefixFilesHost>> {
    const own = new Worker(new URL('./testing/prefix-files.worker.ts', import.meta.url), { type: 'module' });
    onTestFinished(() => own.terminate());
    const host = wrap<PrefixFilesHost>(own);
    await host.use(grant);
    return host;
  }

  async function folderOf({ rootName, folder }: FeatureGrant): Promise<FileSystemDirectoryHandle> {
    return (await (await (await navigator.storage.getDirectory()).getDirectoryHandle(rootName)).getDirectoryHandle(folder)).getDirectoryHandle('outputs');
  }

  it('are found bit for bit by another worker, and by nobody under another layer, encoder or project', async () => {
    const id = await scene.newProject();
    const grant = await scene.grantFor(id);
    const first = await worker(grant);
    await first.keep(1, row(1), outputs(1));
    expect(await (await worker(grant)).find(1, row(1))).toEqual(outputs(1));
    expect(await first.find(2, row(1))).toBeNull();
    expect(await first.find(1, row(2))).toBeNull();
    expect(await (await worker(await scene.grantFor(id, { encoderSha256: 'other' }))).find(1, row(1))).toBeNull();
    expect(await (await worker(await scene.grantFor(await scene.newProject()))).find(1, row(1))).toBeNull();
  });

  it('keep to the limit, are counted with the features, and are no files of theirs', async () => {
    const id = await scene.newProject();
    const grant = await scene.grantFor(id);
    const host = await worker({ ...grant, allowanceBytes: 2 * fileBytes + 10 });
    for (const seed of [1, 2, 3]) await host.keep(1, row(seed), outputs(seed));
    expect(await host.find(1, row(2))).toEqual(outputs(2));
    expect(await host.find(1, row(3))).toBeNull();
    expect(await storedFeatures(scene.database)).toEqual({ bytes: 2 * fileBytes, count: 1 });
    expect(await scene.grantFor(id)).toMatchObject({ files: [], hasOutputs: true });
    await deleteProject(scene.database, id);
    await sweepFeatures(scene.database);
    expect((await storedFeatures(scene.database)).bytes).toBe(0);
  });

  it('are not found where a file was damaged or put in another\'s place, and are written anew', async () => {
    const grant = await scene.grantFor(await scene.newProject());
    const host = await worker(grant);
    await host.keep(1, row(1), outputs(1));
    const folder = await folderOf(grant);
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    expect(names).toHaveLength(1);
    const handle = await folder.getFileHandle(names[0]!);
    const whole = new Uint8Array(await (await handle.getFile()).arrayBuffer());
    // What lies there says nothing: neither the tokens nor the outputs stand in it.
    expect([...whole.slice(12, 32)]).not.toEqual([...new Uint8Array(outputs(1).buffer).slice(0, 20)]);
    await host.keep(1, row(2), outputs(2));
    for await (const name of folder.keys()) {
      if (name === names[0]) continue;
      const swapped = await (await folder.getFileHandle(name)).createWritable();
      await swapped.write(whole);
      await swapped.close();
    }
    expect(await host.find(1, row(2))).toBeNull();
    await host.keep(1, row(2), outputs(2));
    expect(await host.find(1, row(2))).toEqual(outputs(2));
  });
});

describe('room on disk for outputs of frozen layers', () => {
  const encoder = { report: { name: 'nano', sizeBytes: 0, sha256: 'e', license: '', layers: 2, width: 32, parameters: 0 }, shape: nanoShape, tokenizer: { encode: () => ({ ids: new Int32Array(3), cutTokens: 0 }) } };
  const plan: PlainLayersPlan = { kind: 'plain-layers', maximumLength: 64, unit: 'row', heldOutShare: 0.2, seed: 1, epochs: 1, batchSize: 8, learningRate: 1e-3, weightDecay: 0, whole: { topLayers: 1, embeddings: false } };
  const load = { rows: 1e5, tokens: 1e7, classes: 3, trainers: 1 };

  it('is asked for beyond what memory holds, and by no plan whose draws are secret or that has no frozen layer', () => {
    expect(outputUseOf(plan, load, encoder, 'd')).toEqual({ encoderSha256: 'e', device: 'd', maximumLength: 64, bytes: 1e7 * 32 * 2 + 1e5 * 28 - 4e8 });
    expect(outputUseOf(plan, { ...load, tokens: 1e6 }, encoder, 'd')).toBeNull();
    expect(outputUseOf({ ...plan, whole: { topLayers: 2, embeddings: false } }, load, encoder, 'd')).toBeNull();
    const { whole: _, epochs: __, batchSize: ___, weightDecay: ____, ...common } = plan;
    expect(outputUseOf({ ...common, kind: 'dp-sgd', epsilon: 3, delta: 1e-5, steps: 4, expectedBatchSize: 8, clipNorm: 1, validationEpsilon: null, lora: { rank: 2, alpha: 4, targets: ['query'], layers: [1] } }, load, encoder, 'd')).toBeNull();
  });
});
