import { closeAll, isTiming, race, workerContender, type Contender, type Outcome } from '../contenders.ts';
import type { Backend } from '../page/contract.ts';
import { isSoftwareGpu } from './webgpu-step.ts';
import { noteLengths } from '../workload/note-lengths.ts';
import { againstPeer } from './compare.ts';
import { miniLm, type Context, type Group, type GroupResult, type RowResult } from './row.ts';

const width = 384;

function contendersOf({ page }: Context, backend: Backend, lengths: readonly number[], suffix: string): Contender[] {
  const of = (id: string, kind: 'ours' | 'ort' | 'transformers', variant?: string) => workerContender(page, `${id}${suffix}`, kind, miniLm(backend, lengths, null, variant), 'forward');
  // ONNX Runtime's quantized operators run on the CPU alone.
  return [of('ours', 'ours'), ...(backend === 'wasm' ? [of('ours rounded', 'ours', 'rounded')] : []), of('ort f32', 'ort', 'float32'), ...(backend === 'wasm' ? [of('ort int8', 'ort', 'int8')] : []), of('transformers', 'transformers')];
}

/** Relative L2 error of the first row's hidden states against the reference in plain loops, by engine. */
async function errors({ page }: Context, outcomes: ReadonlyMap<string, Outcome>, lengths: readonly number[]): Promise<Record<string, number>> {
  const reference = workerContender(page, 'reference', 'ours', miniLm('wasm', lengths, null, 'reference'), 'forward');
  await reference.open();
  await reference.measure();
  const found: Record<string, number> = {};
  for (const [id, outcome] of outcomes) {
    if (isTiming(outcome)) found[id] = (await page.evaluate(([name, length]) => bench.difference(name, 'reference', length), [id, lengths[0]! * width] as const)).relative;
  }
  await reference.close();
  return found;
}

/** A peer of float numbers that is farther off than int8 makes any (0.16) computes something else here: its time is shown, and nothing is claimed. */
const wrongAbove = 0.3;

const withError = (row: RowResult, error: Record<string, number>, ours: string, peer: string): RowResult =>
  ({ ...row, ...((error[peer] ?? 0) > wrongAbove ? { isMet: null } : {}), note: `relative error of the hidden states: ours ${error[ours]?.toExponential(1) ?? 'unknown'}, theirs ${error[peer]?.toExponential(1) ?? 'unknown'}` });

/** Forward pass on WASM, one thread. Error is against float32 with the same int8 weights; those weights themselves are 3.6e-2 from the float model, for all alike. */
export const wasmForward: Group = async (context): Promise<GroupResult> => {
  const contenders = contendersOf(context, 'wasm', context.batch, '');
  const outcomes = await race(contenders, context.repeats);
  const error = await errors(context, outcomes, context.batch);
  await closeAll(contenders);
  const ours = outcomes.get('ours');
  const int8 = withError(againstPeer('WASM forward against ONNX Runtime Web dynamic int8', ours, outcomes.get('ort int8'), 1), error, 'ours', 'ort int8');
  const rounded = withError(againstPeer('WASM forward with inputs rounded to 16 bits at most, against ONNX Runtime Web dynamic int8', outcomes.get('ours rounded'), outcomes.get('ort int8'), 1.5), error, 'ours rounded', 'ort int8');
  const isTenth = (id: string) => error[id] !== undefined && error['ort int8'] !== undefined && error[id] <= 0.1 * error['ort int8'];
  return {
    rows: [
      withError(againstPeer('WASM forward against ONNX Runtime Web f32', ours, outcomes.get('ort f32'), 1.5), error, 'ours', 'ort f32'),
      int8.isMet === null ? int8 : { ...int8, isMet: int8.isMet && isTenth('ours') },
      rounded.isMet === null ? rounded : { ...rounded, isMet: rounded.isMet && isTenth('ours rounded') },
      withError(againstPeer('WASM forward against transformers.js f32', ours, outcomes.get('transformers'), 1.5), error, 'ours', 'transformers'),
    ],
    outcomes: Object.fromEntries(outcomes),
    details: { error },
  };
};

/** Forward pass on WebGPU: equal rows, then notes as long as notes are. */
export const webgpuForward: Group = async (context): Promise<GroupResult> => {
  const isSoftware = await isSoftwareGpu(context.page);
  const equal = context.batch.slice(0, isSoftware ? 2 : 8);
  const ragged = noteLengths.slice(0, isSoftware ? 4 : 32);
  const rows: RowResult[] = [];
  const outcomes: Record<string, Outcome> = {};
  const details: Record<string, unknown> = {};
  for (const [lengths, suffix, goal] of [[equal, '', 1], [ragged, ' ragged', 1.5]] as const) {
    const contenders = contendersOf(context, 'webgpu', lengths, suffix);
    const found = await race(contenders, context.repeats);
    const error = await errors(context, found, lengths);
    await closeAll(contenders);
    details[`error${suffix}`] = error;
    for (const [id, outcome] of found) outcomes[id] = outcome;
    const what = suffix ? `WebGPU forward, ${lengths.length} notes of ${lengths.join(', ')} tokens` : `WebGPU forward, ${lengths.length} x ${lengths[0]}`;
    for (const peer of ['ort f32', 'transformers']) {
      rows.push(withError(againstPeer(`${what}, against ${peer === 'transformers' ? 'transformers.js' : 'ONNX Runtime Web'}`, found.get(`ours${suffix}`), found.get(`${peer}${suffix}`), goal), error, `ours${suffix}`, `${peer}${suffix}`));
    }
  }
  return { rows, outcomes, details };
};
