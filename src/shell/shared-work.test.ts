import { describe, expect, it } from 'vitest';
import { SharedWork } from './shared-work.ts';

/** Ten turns of work, and how often it was begun and done. */
function tenTurns() {
  const counts = { begun: 0, turns: 0 };
  const work = new SharedWork(async (report) => {
    counts.begun++;
    for (let done = 1; done <= 10; done++) {
      await new Promise((resolve) => setTimeout(resolve));
      counts.turns++;
      report(done);
    }
    return 'result';
  });
  return { counts, work };
}

function follower(leaveAt = Infinity) {
  const abort = new AbortController();
  const seen: number[] = [];
  return {
    seen,
    signal: abort.signal,
    onProgress: (done: number) => {
      seen.push(done);
      if (done >= leaveAt) abort.abort();
    },
  };
}

describe('SharedWork', () => {
  it('is done once for all who ask, then and later, and tells each how far it is', async () => {
    const { counts, work } = tenTurns();
    const [first, second] = [follower(), follower()];
    expect(await Promise.all([work.result(first), work.result(second), work.result()])).toEqual(['result', 'result', 'result']);
    expect(await work.result()).toBe('result');
    expect(counts).toEqual({ begun: 1, turns: 10 });
    expect(first.seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(second.seen.at(-1)).toBe(10);
  });

  it('goes on for the others when one gives up, and ends when all have', async () => {
    const shared = tenTurns();
    const one = shared.work.result(follower(3));
    const other = shared.work.result(follower());
    await expect(one).rejects.toMatchObject({ code: 'cancelled' });
    expect(await other).toBe('result');

    const alone = tenTurns();
    await expect(alone.work.result(follower(3))).rejects.toMatchObject({ code: 'cancelled' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(alone.counts.turns).toBeLessThan(6);
    expect(await alone.work.result(follower())).toBe('result');
    expect(alone.counts.begun).toBe(2);
  });

  it('does not end for one who gives up while another waits without following', async () => {
    const { work, counts } = tenTurns();
    const patient = work.result();
    await expect(work.result(follower(2))).rejects.toMatchObject({ code: 'cancelled' });
    expect(await patient).toBe('result');
    expect(counts.begun).toBe(1);
  });

  it('refuses one who has given up already, and is begun anew after a failure', async () => {
    let isBroken = true;
    const work = new SharedWork(async () => {
      if (isBroken) throw new Error('broken');
      return 1;
    });
    await expect(work.result()).rejects.toThrow('broken');
    isBroken = false;
    await expect(work.result({ ...follower(), signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await work.result()).toBe(1);
  });
});
