import { describe, expect, it, vi } from 'vitest';
import type { Progress } from '../shell/bedside.service.ts';
import { ProjectState } from '../state/project.svelte.ts';
import { TrialState } from '../state/trial.svelte.ts';
import { FakeService } from './testing/fake-service.ts';

const until = (isTrue: () => boolean) => expect.poll(isTrue, { interval: 5, timeout: 30_000 }).toBe(true);

/** A project whose notes take `delayMs` to read, and the signals of the readings that were asked for. */
async function project(delayMs = 90) {
  const service = new FakeService({ scene: 'fresh', delayMs, nowMs: 0 });
  const signals: AbortSignal[] = [];
  const propose = service.proposePlan;
  service.proposePlan = (id, onProgress, signal) => {
    if (signal) signals.push(signal);
    return propose(id, onProgress, signal);
  };
  const [first] = await service.listProjects();
  return { state: new ProjectState(service, await service.openProject(first!.id)), signals };
}

describe('reading the notes for a plan', () => {
  it('is asked for once by two pages, and tells how far it is', async () => {
    const { state, signals } = await project();
    const both = Promise.all([state.propose(), state.propose()]);
    const total = state.dataset!.noteCount;
    await until(() => (state.reading?.done ?? 0) > 0);
    expect(state.reading).toMatchObject({ total });
    await both;
    expect(signals).toHaveLength(1);
    expect(state.reading).toBeNull();
    expect(state.plan).not.toBeNull();
  });

  it('ends when the person says so, and begins anew when asked', async () => {
    const { state, signals } = await project();
    const proposing = state.propose();
    state.cancelReading();
    await proposing;
    expect(signals[0]!.aborted).toBe(true);
    expect(state.proposal.failure?.code).toBe('cancelled');
    expect(state.reading).toBeNull();
    await state.propose();
    expect(state.proposal.failure).toBeNull();
    expect(state.plan).not.toBeNull();
  });

  it('goes on from one page to the next, and ends without a word when none needs it or the project is closed', async () => {
    const { state, signals } = await project(4000);
    vi.useFakeTimers();
    try {
      const leaveData = state.holdReading();
      void state.propose();
      leaveData();
      const leaveTrain = state.holdReading();
      await vi.advanceTimersByTimeAsync(2000);
      expect(signals[0]!.aborted).toBe(false);
      leaveTrain();
      await vi.advanceTimersByTimeAsync(1600);
      expect(signals[0]!.aborted).toBe(true);
      expect(state.proposal.state.kind).toBe('idle');

      void state.propose();
      state.close();
      expect(signals[1]!.aborted).toBe(true);
      expect(state.proposal.state.kind).toBe('idle');
    } finally {
      vi.useRealTimers();
    }
  });

  it('is of the columns: others end it', async () => {
    const { state, signals } = await project();
    void state.propose();
    await state.applyColumns();
    expect(signals[0]!.aborted).toBe(true);
    expect(state.proposal.state.kind).toBe('idle');
    await state.propose();
    expect(state.plan).not.toBeNull();
  });
});

describe('labelling a file', () => {
  const run = { id: 'run-1', number: 1 };
  const file = new File([], 'more.csv');

  it('cancelled with rows labelled, says of how many and keeps them', async () => {
    const trial = new TrialState(new FakeService({ scene: 'done', delayMs: 5, nowMs: 0 }), 'project-1');
    const labelling = trial.classifyFile(run, file);
    await until(() => trial.file.kind === 'busy' && trial.file.progress.done > 20);
    trial.cancel();
    expect(trial.file).toMatchObject({ kind: 'busy', isCancelling: true });
    await labelling;
    expect(trial.file).toMatchObject({ kind: 'done', runNumber: 1, total: 120 });
    expect(trial.file.kind === 'done' && trial.file.rows).toBeLessThan(120);
  });

  it('cancelled before the first row, says so', async () => {
    const trial = new TrialState(new FakeService({ scene: 'done', delayMs: 5, nowMs: 0 }), 'project-1');
    const labelling = trial.classifyFile(run, file);
    trial.cancel();
    await labelling;
    expect(trial.file).toEqual({ kind: 'cancelled', fileName: 'more.csv' });
  });

  it('tells how long it will take once that can be told', async () => {
    const service = new FakeService({ scene: 'done', delayMs: 0, nowMs: 0 });
    let tell = (_: Progress): void => undefined;
    service.classifyFile = (_id, _runId, _file, onProgress) => {
      tell = onProgress;
      return new Promise(() => undefined);
    };
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const trial = new TrialState(service, 'project-1');
      void trial.classifyFile(run, file);
      tell({ done: 100, total: 1100 });
      expect(trial.file).toMatchObject({ secondsLeft: null });
      vi.advanceTimersByTime(4000);
      tell({ done: 300, total: 1100 });
      // 200 rows in 4 seconds; 800 are left.
      expect(trial.file).toMatchObject({ secondsLeft: 16 });
    } finally {
      vi.useRealTimers();
    }
  });
});
