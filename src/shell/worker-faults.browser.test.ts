import { openDB } from 'idb';
import { describe, expect, it } from 'vitest';
import type { DpSgdPlan, FullBatchHeadPlan } from '../training/plan.ts';
import { createBedside } from './bedside.ts';
import { nanoName } from './encoder-source.ts';
import { ledgerDatabaseName } from './ledger-store.ts';
import { trainingLockName } from './live-runs.ts';
import { readCheckpoint } from './runs.ts';
import { openGuardHere, type GuardHere } from './testing/guard-here.ts';
import { clearAll, listen, proposedPlan, sampleProject, watchWorkers } from './testing/service-scenes.ts';

const workers = watchWorkers();

/** A run says that it has ended a moment before it lets the next one begin. */
async function untilFree(): Promise<void> {
  await navigator.locks.request(trainingLockName, () => undefined);
}

/** Calls that this thread makes to trainers, by name; `onCall` is told the number of each, before and after it is sent. */
function watchCalls(onCall: (call: number, when: 'before' | 'after') => void): { readonly names: readonly string[]; readonly stop: () => void } {
  const names: string[] = [];
  const { postMessage } = MessagePort.prototype;
  const watched = function (this: MessagePort, message: unknown, options?: StructuredSerializeOptions | Transferable[]): void {
    const isCall = typeof message === 'object' && message !== null && 'type' in message && message.type === 'APPLY' && 'path' in message && Array.isArray(message.path);
    const send = () => Reflect.apply(postMessage, this, options === undefined ? [message] : [message, options]);
    if (!isCall) return send();
    const call = names.push(String(message.path)) - 1;
    onCall(call, 'before');
    send();
    onCall(call, 'after');
  };
  Object.assign(MessagePort.prototype, { postMessage: watched });
  return { names, stop: () => Object.assign(MessagePort.prototype, { postMessage }) };
}

const gradientsOf = async ({ guard }: GuardHere, runId: string) => {
  const { entries, isChainIntact } = await guard.ledger();
  expect(isChainIntact).toBe(true);
  return entries.filter(({ event }) => event.kind === 'charge' && event.runId === runId && event.purpose === 'gradient').length;
};

/** Some of `count` numbers, from the first to the last. */
const spread = (count: number, of: number) => [...new Set(Array.from({ length: of }, (_, i) => Math.round((i * (count - 1)) / (of - 1))))];

async function callsOfRun(here: GuardHere, id: string, plan: FullBatchHeadPlan | DpSgdPlan): Promise<number> {
  const run = listen();
  const watch = watchCalls(() => undefined);
  await untilFree();
  await here.guard.startRun(id, plan, run.onMessage);
  expect(await run.end).toMatchObject({ kind: 'finished' });
  watch.stop();
  return watch.names.length;
}

// Each trial starts a worker or a device anew: seconds, and many of them where much else works.
const timeout = 300_000;

describe('a trainer that is killed', { timeout }, () => {
  it.each(['before', 'after'] as const)('%s one of its calls is sent: nothing released is uncharged, and the run goes on with another', async (when) => {
    const here = await openGuardHere('wasm');
    try {
      const proposed = await here.propose();
      const { id } = proposed;
      const plan: FullBatchHeadPlan = { ...proposed.plan, steps: 3, epsilon: 0.1, validationEpsilon: 0.1 };
      await here.guard.setBudget(id, 100);
      const calls = await callsOfRun(here, id, plan);
      const points = spread(calls, 3);
      console.log(`a trainer killed ${when} a call is sent: tried at ${points.length} of ${calls} calls`);
      for (const point of points) {
        await untilFree();
        const run = listen();
        const watch = watchCalls((call, at) => {
          if (call === point && at === when) here.crew.links[0]!.terminate();
        });
        const runId = await here.guard.startRun(id, plan, run.onMessage);
        const end = await run.end;
        watch.stop();
        const [saved, charged] = [(await readCheckpoint(here.database, runId))?.step ?? 0, await gradientsOf(here, runId)];
        if (end.kind === 'finished') {
          // The last calls take back what was lent; nobody waits for more of the trainer then.
          expect(charged).toBe(plan.steps);
          continue;
        }
        expect(end, watch.names[point]).toMatchObject({ kind: 'failed', code: 'device/worker-died' });
        expect(charged).toBeGreaterThanOrEqual(saved);
        await untilFree();
        const again = listen();
        await here.guard.resumeRun(id, runId, again.onMessage);
        expect(await again.end, watch.names[point]).toMatchObject({ kind: 'finished' });
        expect(await gradientsOf(here, runId)).toBe(charged + plan.steps - saved);
      }
    } finally {
      await here.close();
    }
  });
});

describe('a graphics device that is lost', { timeout }, () => {
  it('at one of the calls to its trainer is replaced, and each step is charged once', async ({ skip }) => {
    const here = await openGuardHere('webgpu');
    try {
      if ((await here.crew.device()).backend !== 'webgpu') skip('no WebGPU');
      const proposed = await here.propose();
      const { id } = proposed;
      const common = proposed.plan;
      const plan: DpSgdPlan = { kind: 'dp-sgd', maximumLength: 24, unit: common.unit, heldOutShare: common.heldOutShare, seed: 1, delta: common.delta, epsilon: 1, steps: 3, expectedBatchSize: 20, clipNorm: 0.5, learningRate: 0.005, validationEpsilon: null, lora: { rank: 2, alpha: 4, targets: ['query'], layers: [1] } };
      await here.guard.setBudget(id, 100);
      const calls = await callsOfRun(here, id, plan);
      const points = spread(calls, 3);
      console.log(`the device lost in ${plan.kind}: tried at ${points.length} of ${calls} calls`);
      for (const point of points) {
        // Another trainer, whose device has not been lost yet.
        here.crew.restart();
        await here.reload();
        await untilFree();
        const run = listen();
        let loss: Promise<void> | null = null;
        const watch = watchCalls((call, at) => {
          if (call === point && at === 'before') loss = here.crew.links[0]!.call((host) => host.loseDevice());
        });
        const runId = await here.guard.startRun(id, plan, run.onMessage);
        expect(await run.end, watch.names[point]).toMatchObject({ kind: 'finished' });
        watch.stop();
        expect(loss).not.toBeNull();
        expect(await gradientsOf(here, runId)).toBe(plan.steps);
      }
    } finally {
      await here.close();
    }
  });
});

describe('a guard that is killed', { timeout }, () => {
  /** Entries of the ledger, read behind the guard's back. */
  async function ledgerCount(): Promise<number> {
    const database = await openDB(ledgerDatabaseName);
    const head: unknown = database.objectStoreNames.contains('heads') ? (await database.getAll('heads'))[0] : null;
    database.close();
    return typeof head === 'object' && head !== null && 'count' in head ? Number(head.count) : 0;
  }

  it('once the ledger holds so many entries more: the next guard goes on, with every step charged', async () => {
    const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 1 });
    try {
      const id = await sampleProject(service);
      const steps = 20;
      const plan = { ...(await proposedPlan(service, id)), steps, epsilon: 0.2, validationEpsilon: 0.1 };
      await service.setBudget(id, 100);
      const moments = [0, 1, 2, 3, 8, steps];
      console.log(`a guard killed after a write to the ledger: tried at ${moments.length} moments`);
      for (const entries of moments) {
        const name = `${entries} entries`;
        const before = await ledgerCount();
        const run = listen();
        const { runId } = await service.startRun(id, plan, run.onMessage);
        while ((await ledgerCount()) < before + entries) await new Promise((resolve) => setTimeout(resolve));
        workers.get('guard')!.at(-1)!.terminate();
        const end = await run.end;
        const charged = async () => {
          const { entries: all, isChainIntact } = await service.ledger();
          expect(isChainIntact).toBe(true);
          return all.filter(({ event }) => event.kind === 'charge' && event.runId === runId && event.purpose === 'gradient').length;
        };
        if (end.kind === 'failed') {
          expect(end, name).toMatchObject({ code: 'device/worker-died' });
          await untilFree();
          const again = listen();
          await service.resumeRun(id, runId, again.onMessage);
          expect(await again.end, name).toMatchObject({ kind: 'finished' });
        }
        expect(await charged(), name).toBeGreaterThanOrEqual(steps);
        expect(await charged(), name).toBeLessThanOrEqual(steps + 1);
        expect((await service.openProject(id)).runs.find((one) => one.id === runId), name).toMatchObject({ state: 'finished', stepsDone: steps });
      }
    } finally {
      await untilFree();
      await clearAll(service);
    }
  });
});
