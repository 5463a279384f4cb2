/** The page of the bench: starts workers, asks them, and keeps what they give, so that only numbers go to Node. */
import { wrap, type Remote } from 'comlink';
import type { BenchPage, BenchWorker, Figures, Measured, Task, WorkerKind } from './contract.ts';

declare global {
  var bench: BenchPage;
}

const starts: Readonly<Record<WorkerKind, () => Worker>> = {
  ours: () => new Worker(new URL('../workers/ours.worker.ts', import.meta.url), { type: 'module' }),
  submissions: () => new Worker(new URL('../workers/submissions.worker.ts', import.meta.url), { type: 'module' }),
  overlap: () => new Worker(new URL('../workers/overlap.worker.ts', import.meta.url), { type: 'module' }),
  cold: () => new Worker(new URL('../workers/cold.worker.ts', import.meta.url), { type: 'module' }),
  tfjs: () => new Worker(new URL('../workers/tfjs.worker.ts', import.meta.url), { type: 'module' }),
  jax: () => new Worker(new URL('../workers/jax.worker.ts', import.meta.url), { type: 'module' }),
  ort: () => new Worker(new URL('../workers/ort.worker.ts', import.meta.url), { type: 'module' }),
  transformers: () => new Worker(new URL('../workers/transformers.worker.ts', import.meta.url), { type: 'module' }),
};

interface Open {
  readonly worker: Worker;
  readonly remote: Remote<BenchWorker>;
  last: Measured | null;
}

const opened = new Map<string, Open>();

function known(id: string): Open {
  const found = opened.get(id);
  if (!found) throw new Error(`No worker ${id} is open.`);
  return found;
}

async function measure(id: string, task: Task): Promise<Figures> {
  const open = known(id);
  open.last = await open.remote.measure(task);
  return { elapsedMs: open.last.elapsedMs, counts: open.last.counts };
}

function lastValues(id: string): Float32Array {
  const { last } = known(id);
  if (!last) throw new Error(`Nothing was measured on ${id} yet.`);
  return last.values;
}

globalThis.bench = {
  userAgent: navigator.userAgent,

  async open(id, kind, options) {
    const worker = starts[kind]();
    // A worker that fails to start answers nothing: its error event is the only sign.
    const failed = new Promise<never>((_, reject) => worker.addEventListener('error', (event) => reject(new Error(event.message || `The worker ${kind} did not start.`)), { once: true }));
    const remote = wrap<BenchWorker>(worker);
    opened.set(id, { worker, remote, last: null });
    return Promise.race([remote.open(options), failed]);
  },

  measure,

  async measureTogether(ids, task) {
    const start = performance.now();
    await Promise.all(ids.map((id) => measure(id, task)));
    return performance.now() - start;
  },

  difference(found, wanted, length) {
    const [a, b] = [lastValues(found), lastValues(wanted)];
    if (length === undefined && a.length !== b.length) throw new Error(`${found} gave ${a.length} values and ${wanted} ${b.length}.`);
    const compared = length ?? a.length;
    let [off, norm] = [0, 0];
    for (let i = 0; i < compared; i++) {
      off += (a[i]! - b[i]!) ** 2;
      norm += b[i]! ** 2;
    }
    return { relative: Math.sqrt(off / norm), wantedNorm: Math.sqrt(norm), length: compared };
  },

  values(id) {
    const values = lastValues(id);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    let text = '';
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(text);
  },

  close(id) {
    opened.get(id)?.worker.terminate();
    opened.delete(id);
  },
};
