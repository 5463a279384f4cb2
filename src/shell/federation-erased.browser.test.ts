import { afterEach, beforeEach, expect, it } from 'vitest';
import { sharedEpsilon } from '../federation/agreement.ts';
import { openFederationScene, type FederationScene } from './testing/federation-scene.ts';

let scene: FederationScene;
beforeEach(async () => (scene = await openFederationScene()));
afterEach(() => scene.close());

it('a pooled model says what its rounds cost, also where the ledger was erased before it came back', async () => {
  const projectId = await scene.join();
  await scene.round(1);
  await scene.round(2);
  await scene.here.guard.eraseLedger();
  await scene.coordinator.release(1, 2, scene.model(1));
  const { runId } = await scene.here.guard.federation.receive();
  const { run, statement } = await scene.here.guard.results(projectId, runId);
  expect(run.pooled).toMatchObject({ ownRounds: 2 });
  if (!statement.isPrivate) throw new Error('expected a private one');
  expect(statement.epsilon).toBeCloseTo(sharedEpsilon(scene.coordinator.task, [4, 4]), 9);
});
