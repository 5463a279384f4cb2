/**
 * How a private step reaches a graphics chip: in submissions as the app hands them over, with room left for other work, or as they fall without a bound.
 * A step lasts from its call to its answer; with room left, until the rest that it earned is over.
 */
import { createEngine } from '../../../src/engine/bert.ts';
import { GpuDevice } from '../../../src/engine/webgpu/device.ts';
import { awakeClockHere } from '../../../src/shell/awake-clock.ts';
import { openWebGpu } from '../../../src/shell/backend.ts';
import { workShare } from '../../../src/shell/leaving-room.ts';
import { Pacer } from '../../../src/shell/pacer.ts';
import { createTrainer } from '../../../src/training/in-process-trainer.ts';
import { inLongest } from '../page/contract.ts';
import { clipNorm } from '../workload/step-work.ts';
import { timeGpuPasses, type TimedSubmission } from './gpu-timestamps.ts';
import { serve, type Opened } from './serve.ts';

const timing = timeGpuPasses();
const { run } = GpuDevice.prototype;
Object.assign(GpuDevice.prototype, {
  run(this: GpuDevice, ...[kernel, launch]: Parameters<GpuDevice['run']>) {
    const start = () => run.call(this, kernel, launch);
    if (timing) timing.around(kernel.key, start);
    else start();
  },
});
let restedMs = 0;
const pacer = new Pacer(
  awakeClockHere().now,
  (ms) => new Promise((resolve) => {
    const from = performance.now();
    setTimeout(() => {
      restedMs += performance.now() - from;
      resolve();
    }, ms);
  }),
);
const rest = () => pacer.rest();

async function openEngine({ variant, weights }: Opened) {
  if (variant === 'unbounded') {
    const [{ acquireGpuDevice }, { createWebGpuOperations }] = await Promise.all([import('../../../src/engine/webgpu/device.ts'), import('../../../src/engine/webgpu/webgpu-operations.ts')]);
    return createEngine(createWebGpuOperations(await acquireGpuDevice()), weights, { rest });
  }
  const backend = await openWebGpu();
  const leavesRoom = variant === 'leaving room';
  backend.leaveRoom(leavesRoom);
  // As the one trainer of a graphics chip is paced.
  pacer.workShare = workShare(1, 1, leavesRoom);
  return backend.engine(weights, rest);
}

/** How often each kernel was launched in the longest submission: parts of one count each. */
function longestOf(submissions: readonly TimedSubmission[]): Record<string, number> {
  const longest = submissions.reduce<TimedSubmission | null>((most, one) => (most === null || one.elapsedMs > most.elapsedMs ? one : most), null);
  const launches: Record<string, number> = {};
  for (const key of longest?.launched ?? []) launches[inLongest + key] = (launches[inLongest + key] ?? 0) + 1;
  return { 'ms longest submission': longest?.elapsedMs ?? Infinity, ...launches };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

serve(async (opened) => {
  if (!timing) throw new Error('This browser has no WebGPU.');
  const engine = await openEngine(opened);
  const trainer = createTrainer(engine);
  const { adapter, rows, labels, theta } = opened.step;
  await trainer.configure(adapter);
  await trainer.assign(rows.map((ids, row) => ({ unit: row, rows: [{ ids, label: labels[row]! }] })), 'row');
  const all = rows.map((_, row) => row);
  let counts: Record<string, number> = {};
  return {
    device: engine.device,
    counts: () => counts,
    tasks: {
      async step() {
        restedMs = 0;
        const { sum, gridScale } = await pacer.paced(() => trainer.loraGradientSum(theta, all, clipNorm));
        // The next piece of work, which waits for the rest.
        await pacer.paced(async () => undefined);
        const { submissions } = await timing.take();
        counts = {
          ...longestOf(submissions), 'ms median submission': median(submissions.map(({ elapsedMs }) => elapsedMs)), 'ms on the chip': submissions.reduce((total, { elapsedMs }) => total + elapsedMs, 0),
          'ms rested': restedMs, submissions: (counts['submissions'] ?? 0) + submissions.length,
        };
        return Float32Array.from(sum, (value) => value / gridScale);
      },
    },
  };
});
