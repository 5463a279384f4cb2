import { strFromU8, unzipSync } from 'fflate';
import { afterAll, expect, it } from 'vitest';
import { nanoShape } from '../engine/model/nano.ts';
import type { Plan } from '../training/plan.ts';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, sampleProject, watchWorkers } from './testing/service-scenes.ts';

const workers = watchWorkers();
const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 1 });
afterAll(() => clearAll(service));

async function finished(id: string, plan: Plan): Promise<string> {
  const run = listen();
  const { runId } = await service.startRun(id, plan, run.onMessage);
  expect(await run.end).toMatchObject({ kind: 'finished' });
  return runId;
}

it('a head over two layers is resumed, trained on, searched for, exported and copied, beside one over the last layer alone', async () => {
  const id = await sampleProject(service);
  await service.setBudget(id, 50);
  const { plan, twoLayers } = await service.proposePlan(id);
  if (plan.kind !== 'full-batch-head' || !twoLayers) throw new Error('expected a private head, and the switch');
  const one: Plan = { ...plan, maximumLength: 16, epsilon: 1, steps: 300, validationEpsilon: null };
  const two: Plan = { ...one, ...twoLayers };
  // The last layer's features are on disk then; the other's are not.
  await finished(id, { ...one, steps: 2 });

  const cut = listen();
  const { runId } = await service.startRun(id, two, cut.onMessage);
  await cut.pastStep(2);
  workers.get('guard')!.at(-1)!.terminate();
  expect(await cut.end).toMatchObject({ kind: 'failed', code: 'device/worker-died' });
  const again = listen();
  await service.resumeRun(id, runId, again.onMessage);
  expect(await again.end).toMatchObject({ kind: 'finished', run: { stepsDone: 300 } });

  const { offer } = await service.trainOn(id, runId);
  expect(offer?.plan).toMatchObject(twoLayers);
  const further = await finished(id, offer!.plan);
  const searched = await finished(id, { ...two, steps: 2, search: { meanRuns: 2, scoreEpsilon: 2 } });

  for (const each of [runId, further, searched]) {
    const files = unzipSync(new Uint8Array(await (await service.exportModel(id, each)).value.arrayBuffer()));
    const config: unknown = JSON.parse(strFromU8(files['bedside-model/head_config.json']!));
    expect(config).toMatchObject({ layers: twoLayers.featureLayers, weights: twoLayers.featureWeights, unit_length: true });
    expect(strFromU8(files['bedside-model/README.md']!)).toContain(`features of layers ${twoLayers.featureLayers.join(' and ')}`);
    // float32 numbers of a mean and of each label's row: two layers side by side.
    const { labels } = await service.results(id, each);
    expect(files['bedside-model/head.safetensors']!.length).toBeGreaterThan(4 * 2 * nanoShape.width * (labels.length + 1));
    expect(labels).toContain((await service.classify(id, each, 'no fever at night')).label);
  }

  const copy = await service.importProject(new File([(await service.exportProject(id)).value], 'copy.zip'), true);
  const copied = (await service.openProject(copy.id)).runs.find(({ number }) => number === 2)!;
  expect(copied.plan).toMatchObject(twoLayers);
  const promise = async (project: string, run: string) => {
    const { statement } = await service.results(project, run);
    return statement.isPrivate ? statement.epsilon : null;
  };
  expect(await promise(copy.id, copied.id)).toBeCloseTo((await promise(id, runId))!, 9);
  expect(await service.classify(copy.id, copied.id, 'no fever at night')).toEqual(await service.classify(id, runId, 'no fever at night'));
});
