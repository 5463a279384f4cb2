import { unzipSync } from 'fflate';
import { afterAll, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, proposedPlan, sampleProject } from './testing/service-scenes.ts';

const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 1 });
afterAll(() => clearAll(service));

it('the card of a model speaks of the notes as they were when its run began, and of what was charged in the end', async () => {
  const id = await sampleProject(service);
  await service.renameProject(id, 'Mrs Jones, Hillside clinic');
  const { trainingRows, trainingUnits } = await service.proposePlan(id);
  expect((await service.openProject(id)).nextRunNumber).toBe(1);
  const plan = { ...(await proposedPlan(service, id)), epsilon: 1, steps: 300 };
  expect(plan.unit).toBe('person');
  const run = listen();
  const handle = await service.startRun(id, plan, run.onMessage);
  await run.pastStep(1);
  await handle.stop();
  const end = await run.end;
  if (end.kind !== 'stopped') throw new Error(end.kind);
  const promised = (await service.forecast(id, plan)).statement;
  if (!promised.isPrivate || !end.statement.isPrivate) throw new Error('expected a private run');
  // A run cut short spent less than its plan, and says so wherever it says it.
  expect(end.statement.epsilon).toBeLessThan(promised.epsilon);
  const results = await service.results(id, handle.runId);
  expect(results.statement).toEqual(end.statement);
  expect([results.run.epsilonRun, end.run.epsilonRun, (await service.openProject(id)).runs[0]!.epsilonRun]).toEqual(Array.from({ length: 3 }, () => end.statement.isPrivate && end.statement.epsilon));
  // One file, one run: what either part has spent is what the run was charged.
  const { epsilonSpent, epsilonHeldOut } = await service.budget(id);
  expect(epsilonSpent).toBeCloseTo(Math.max(end.statement.epsilon, epsilonHeldOut), 9);
  expect(end.statement.validation?.epsilon).toBeCloseTo(epsilonHeldOut, 9);

  // Without persons each note is a unit of its own, and a column is gone.
  const roles = (await service.openProject(id)).columnRoles;
  await service.setColumns(id, Object.fromEntries(Object.entries(roles).map(([name, role]) => [name, role === 'person' ? 'ignore' : role])));
  const files = unzipSync(new Uint8Array(await (await service.exportModel(id, handle.runId)).value.arrayBuffer()));
  const card = new TextDecoder().decode(files['bedside-model/README.md']);
  expect(card).toContain(`${trainingRows} notes of ${trainingUnits} persons;`);
  expect(Object.entries(files).map(([name, bytes]) => name + new TextDecoder().decode(bytes)).join('')).not.toMatch(/jones|hillside/i);
  expect((await service.openProject(id)).nextRunNumber).toBe(2);
});
