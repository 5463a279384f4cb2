import { afterAll, expect, it, onTestFinished } from 'vitest';
import { createBedside } from './bedside.ts';
import { Crew } from './crew.ts';
import { nanoName } from './encoder-source.ts';
import { connectTrainer } from './remote-trainer.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

const nano = { name: nanoName, folder: '' };
const options = { encoder: nano, backend: 'wasm', workers: 2 } as const;
const started = watchWorkers();
const service = createBedside(options);

afterAll(async () => {
  await service.leaveRoom(false);
  await clearAll(service);
});

it('a trainer rests in proportion to its work, and gives the same bits', async () => {
  const crew = new Crew('wasm', nano, 1);
  onTestFinished(() => crew.dismiss());
  const [trainer] = await Promise.all((await crew.ports()).map(connectTrainer));
  onTestFinished(() => trainer!.release());
  // Some micro-batches: rests come between them too.
  const rows = Array.from({ length: 120 }, (_, row) => Int32Array.from({ length: 30 }, (_token, token) => 5 + ((row + token) % 50)));
  const encoded = async () => {
    const startMs = performance.now();
    const features = await trainer!.encode(rows, { layers: [2], weights: [1], isUnitLength: true });
    return { features, elapsedMs: performance.now() - startMs };
  };
  await encoded();
  // The fastest of ten: with other work on the machine one alone may take many times as long as its work.
  const busy = [];
  for (let time = 0; time < 10; time++) busy.push(await encoded());
  const fastestMs = Math.min(...busy.map(({ elapsedMs }) => elapsedMs));
  // Thirty-two parts of rest to one of work, in place of the one that the setting takes: what other work there is makes the rests longer, never shorter.
  await crew.links[0]!.call((host) => host.pace(0.03));
  const resting = await encoded();
  expect(resting.features).toEqual(busy[0]!.features);
  expect(resting.elapsedMs).toBeGreaterThan(8 * fastestMs);
});

it('what is known of the device stays known, and nothing is checked again until somebody trains', async () => {
  const crew = new Crew('wasm', nano, 2);
  onTestFinished(() => crew.dismiss());
  const opened = await crew.device();
  expect(opened.checks.length).toBeGreaterThan(0);
  await crew.resize(true);
  expect(await crew.device()).toEqual({ ...opened, leavesRoom: true, device: { ...opened.device, workers: 1 } });
  expect(crew.links).toHaveLength(0);
  expect(await crew.ports()).toHaveLength(1);
  // Those that train were held to the model's known answers as well, and these stay too.
  const trained = await crew.device();
  expect(trained.checks.length).toBeGreaterThan(opened.checks.length);
  await crew.resize(false);
  expect(await crew.device()).toEqual({ ...trained, leavesRoom: false, device: { ...trained.device, workers: 2 } });
  expect(crew.links).toHaveLength(0);
});

it('the setting is kept, takes a worker away, and can be changed in the middle of a run', async () => {
  expect(await service.device()).toMatchObject({ leavesRoom: false, device: { workers: 2 } });
  expect(await service.leaveRoom(true)).toMatchObject({ leavesRoom: true, device: { workers: 1 } });
  expect(await createBedside(options).device()).toMatchObject({ leavesRoom: true, device: { workers: 1 } });
  expect(await service.leaveRoom(false)).toMatchObject({ leavesRoom: false, device: { workers: 2 } });

  const id = await sampleProject(service);
  const plan = { ...(await proposedPlan(service, id)), steps: 40, epsilon: 1 };
  const run = listen();
  const trainersBefore = started.get('trainer')?.length ?? 0;
  await service.startRun(id, plan, run.onMessage);
  await run.next('progress');
  expect((started.get('trainer')?.length ?? 0) - trainersBefore).toBe(2);
  // The trainers stay as many as they are: nothing is cut off.
  expect(await service.leaveRoom(true)).toMatchObject({ leavesRoom: true, device: { workers: 2 } });
  expect(await run.end).toMatchObject({ kind: 'finished' });
});
