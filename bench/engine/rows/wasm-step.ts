import { closeAll, isTiming, race, sameWorker, workerContender, type Contender, type Outcome } from '../contenders.ts';
import { readModelFile } from '../build-page.ts';
import { hasTorch, torchContender } from '../torch-contender.ts';
import { loadModel } from '../workload/models.ts';
import { stepWork } from '../workload/step-work.ts';
import { agreementTolerance, disagreement, refusalOf } from './agreement.ts';
import { clipInProcessorTime } from './clip-time.ts';
import { againstPeer, atMost } from './compare.ts';
import { miniLm, type Context, type Group, type GroupResult, type RowResult } from './row.ts';
import { isSoftwareGpu } from './webgpu-step.ts';

async function torchRow(ours: Outcome | undefined, context: Context, torch: ReturnType<typeof torchContender> | null, outcomes: ReadonlyMap<string, Outcome>): Promise<RowResult> {
  const what = 'WASM: against native PyTorch, one thread, same step';
  const outcome = outcomes.get('torch');
  if (!torch || !isTiming(outcome)) return { what, goal: '2.50x time at most', found: outcome && !isTiming(outcome) ? `failed: ${outcome.error}` : 'no python3 with torch; BEDSIDE_PYTHON names one', isMet: null };
  const found = await torch.values();
  const wanted = Buffer.from(await context.page.evaluate(() => bench.values('ours')), 'base64');
  const values = new Float32Array(wanted.buffer.slice(wanted.byteOffset, wanted.byteOffset + wanted.byteLength));
  let [off, norm] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    off += (found[i]! - values[i]!) ** 2;
    norm += values[i]! ** 2;
  }
  const refusal = refusalOf(Math.sqrt(off / norm), agreementTolerance(context.batch.length, values.length, Math.sqrt(norm)));
  const row = atMost(what, ours, outcome, 2.5);
  return refusal ? { ...row, isMet: null, note: refusal } : row;
}

/** The DP step on WASM, one thread, ours beside everybody's. Ours is the trainer's `loraGradientSum`, as the app calls it. */
export const wasmStep: Group = async (context): Promise<GroupResult> => {
  const { page, repeats, batch } = context;
  const ours = workerContender(page, 'ours', 'ours', miniLm('wasm', batch), 'step');
  const peers = [
    workerContender(page, 'tfjs-hand', 'tfjs', miniLm('wasm', batch, null, 'hand'), 'step'),
    workerContender(page, 'tfjs-tape', 'tfjs', miniLm('wasm', batch, null, 'tape'), 'step'),
    workerContender(page, 'jax', 'jax', miniLm('wasm', batch), 'step'),
  ];
  let torch: ReturnType<typeof torchContender> | null = null;
  if (hasTorch()) {
    const { weights, tokenizer } = await loadModel('minilm', readModelFile);
    torch = torchContender('torch', weights, stepWork(weights.shape, tokenizer, { lengths: batch, loraLayers: null }));
  }
  const contenders: Contender[] = [ours, ...peers, ...(torch ? [torch] : [])];
  const outcomes = await race(contenders, repeats);
  const mine = outcomes.get('ours');
  const refusal = async (id: string) => (isTiming(mine) && isTiming(outcomes.get(id)) ? disagreement(page, 'ours', id, batch.length) : undefined);
  const rows = [
    againstPeer('WASM, 1 worker: DP LoRA step against tfjs-wasm, backward by hand', mine, outcomes.get('tfjs-hand'), 3, await refusal('tfjs-hand')),
    againstPeer('WASM, 1 worker: against tfjs-wasm, tape', mine, outcomes.get('tfjs-tape'), 15, await refusal('tfjs-tape')),
    againstPeer('WASM, 1 worker: against jax-js wasm', mine, outcomes.get('jax'), 25, await refusal('jax')),
    await torchRow(mine, context, torch, outcomes),
  ];
  await closeAll(contenders);
  return { rows, outcomes: Object.fromEntries(outcomes) };
};

/** Two workers with four rows each against one with eight; only where nothing else ran before. */
export const workers: Group = async ({ page, repeats, batch, loadBefore }): Promise<GroupResult> => {
  const half = batch.slice(0, batch.length / 2);
  const parts = ['half-1', 'half-2'].map((id) => workerContender(page, id, 'ours', miniLm('wasm', half), 'step'));
  for (const part of parts) {
    await part.open();
    await part.measure();
  }
  const one = workerContender(page, 'one', 'ours', miniLm('wasm', batch), 'step');
  const two: Contender = {
    id: 'two',
    open: async () => 'two workers',
    measure: async () => ({ elapsedMs: await page.evaluate((ids) => bench.measureTogether(ids, 'step'), parts.map(({ id }) => id)), counts: {} }),
    close: () => closeAll(parts),
  };
  const outcomes = await race([one, two], repeats);
  await closeAll([one, two]);
  const row = againstPeer('WASM: 2 workers against 1', outcomes.get('two'), outcomes.get('one'), 1.8);
  const busy = loadBefore > 0.5 ? `the load average was ${loadBefore.toFixed(2)} before the start: two cores were not free` : undefined;
  return { rows: [busy ? { ...row, isMet: null, note: busy } : row], outcomes: Object.fromEntries(outcomes) };
};

/** What the clip and per-example gradients cost. */
export const clipping: Group = async ({ page, repeats, batch }): Promise<GroupResult> => {
  const rows: RowResult[] = [];
  const outcomes: Record<string, Outcome> = {};
  for (const backend of ['wasm', 'webgpu'] as const) {
    const lengths = backend === 'webgpu' && (await isSoftwareGpu(page)) ? batch.slice(0, 2) : batch;
    const clipped = workerContender(page, `${backend} clipped`, 'ours', miniLm(backend, lengths), 'step');
    const contenders = [clipped, sameWorker(page, clipped, `${backend} unclipped`, 'step-unclipped'), sameWorker(page, clipped, `${backend} summed`, 'step-summed')];
    const found = await race(contenders, repeats);
    await closeAll(contenders);
    for (const [id, outcome] of found) outcomes[id] = outcome;
    const name = backend === 'wasm' ? 'WASM' : 'WebGPU';
    rows.push({ ...atMost(`${name}: clipped step against the gradient of the whole batch`, found.get(`${backend} clipped`), found.get(`${backend} summed`), 1.1), note: 'the other side sums the adapters over the batch in the same kernels and knows no example apart' });
    rows.push(atMost(`${name}: clipped step against the same per-example gradients, unclipped`, found.get(`${backend} clipped`), found.get(`${backend} unclipped`), 1.1));
  }
  rows.push(await clipInProcessorTime(batch));
  return { rows, outcomes };
};
