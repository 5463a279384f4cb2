import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { writeSafetensors } from '../../src/engine/model/safetensors.ts';
import type { Tensor } from '../../src/engine/model/tensor.ts';
import type { BertWeights, LayerNorm, Linear } from '../../src/engine/model/weights.ts';
import type { Contender } from './contenders.ts';
import { peerParameters } from './workload/flat-gradient.ts';
import { embeddedRows, floatTable } from './workload/float-model.ts';
import { clipNorm, type StepWork } from './workload/step-work.ts';

const python = process.env['BEDSIDE_PYTHON'] ?? 'python3';

/** Whether there is a Python with PyTorch; BEDSIDE_PYTHON names one. */
export function hasTorch(): boolean {
  return spawnSync(python, ['-c', 'import torch, numpy']).status === 0;
}

function stepTensors(weights: BertWeights, step: StepWork): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const linear = (name: string, { weight, bias }: Linear) => {
    tensors.set(`${name}.weight`, { shape: [weight.rows, weight.columns], values: floatTable(weight) });
    tensors.set(`${name}.bias`, { shape: [bias.length], values: bias });
  };
  const norm = (name: string, { weight, bias }: LayerNorm) => {
    tensors.set(`${name}.weight`, { shape: [weight.length], values: weight });
    tensors.set(`${name}.bias`, { shape: [bias.length], values: bias });
  };
  norm('embeddings', weights.embeddingNorm);
  for (const [index, layer] of weights.layers.entries()) {
    for (const part of ['query', 'key', 'value', 'attentionOutput', 'intermediate', 'output'] as const) linear(`layer.${index}.${part}`, layer[part]);
    for (const part of ['attentionNorm', 'outputNorm'] as const) norm(`layer.${index}.${part}`, layer[part]);
  }
  for (const { name, shape, values } of peerParameters(step)) tensors.set(name, { shape, values });
  tensors.set('input', { shape: [step.rows.length, step.rows[0]!.length, weights.shape.width], values: embeddedRows(weights, step.rows) });
  return tensors;
}

export interface TorchContender extends Contender {
  /** The clipped sum: [P]. */
  values(): Promise<Float32Array>;
}

/** Native PyTorch in a process that answers a line with a step. */
export function torchContender(id: string, weights: BertWeights, step: StepWork): TorchContender {
  let child: ChildProcessWithoutNullStreams | null = null;
  let lines: AsyncIterator<string> | null = null;
  let reader: Interface | null = null;
  const folder = mkdtempSync(join(tmpdir(), 'bedside-torch-'));
  const answer = async (): Promise<Record<string, unknown>> => {
    const next = await lines?.next();
    if (!next || next.done) throw new Error('PyTorch ended without an answer.');
    return JSON.parse(next.value) as Record<string, unknown>;
  };
  return {
    id,
    async open() {
      const { layers, heads, layerNormEpsilon: epsilon } = weights.shape;
      const lora = step.adapter.lora!;
      const settings = { layers, heads, epsilon, scaling: lora.alpha / lora.rank, clipNorm, labels: [...step.labels], parameters: step.layout.entries.map(({ name }) => name) };
      const file = join(folder, 'step.safetensors');
      writeFileSync(file, writeSafetensors(stepTensors(weights, step), { settings: JSON.stringify(settings) }));
      child = spawn(python, [join(import.meta.dirname, 'torch_step.py'), file]);
      child.stderr.pipe(process.stderr);
      reader = createInterface({ input: child.stdout });
      lines = reader[Symbol.asyncIterator]();
      return String((await answer())['device']);
    },
    async measure() {
      child?.stdin.write('step\n');
      return { elapsedMs: Number((await answer())['elapsedMs']), counts: {} };
    },
    async values() {
      child?.stdin.write('values\n');
      const bytes = Buffer.from(String((await answer())['values']), 'base64');
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    },
    async close() {
      reader?.close();
      child?.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
