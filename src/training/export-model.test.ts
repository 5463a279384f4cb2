import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { nanoModelFiles } from '../engine/model/nano.ts';
import { bertTensors } from '../engine/model/load.ts';
import { openModel } from '../engine/model/open-model.ts';
import { readSafetensors, writeSafetensors } from '../engine/model/safetensors.ts';
import { createEngine } from '../engine/bert.ts';
import { parameterLayout, loraTargets, type LoraTarget, type WholeConfig } from '../engine/parameters.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import { bytesToUtf8 } from '../ground/bytes.ts';
import { releasableBecause } from '../privacy/doors.ts';
import type { OperationCheck } from '../engine/self-check.ts';
import { checkedDevice } from './checked-device.ts';
import { exportedFiles, exportedZip, releasableModel } from './export-model.ts';
import { readModelFiles } from './exported-tensors.ts';
import { loraStart } from './lora-start.ts';
import { modelCard, type ModelCardFacts } from './model-card.ts';
import type { FullBatchHeadPlan, Plan } from './plan.ts';
import { predictTexts } from './predict.ts';
import { twoFeatureLayers } from './propose.ts';
import { statementOf } from './statement.ts';
import { nanoPlans } from './testing/nano-session.ts';
import type { TrainedModel } from './trained-model.ts';

const base = nanoModelFiles(1);
/** As Hugging Face saved it, quantized as it would be in `models/`. */
const distilBert = quantizedDistilBert();
const { weights, tokenizer } = openModel(base);
const engine = createEngine(createReferenceOperations(), weights);
const labels = ['kidney', 'heart', 'lung'];
const wave = (length: number, scale: number) => Float32Array.from({ length }, (_, i) => scale * Math.sin(1.7 * i + 0.3));
const models: Record<string, TrainedModel> = {
  'a head over two layers': { kind: 'head', labels, maximumLength: 16, features: { layers: [2, 1], weights: [0.8, 0.2], isUnitLength: true }, mean: wave(64, 0.05), biasInput: 0.3, weights: wave(3 * 65, 2) },
  'a plain head': { kind: 'head', labels, maximumLength: 16, features: { layers: [2], weights: [1], isUnitLength: false }, mean: null, biasInput: 1, weights: wave(3 * 33, 1) },
  'adapters': adaptersOf(['query', 'value'], [1]),
  'adapters beside every map': adaptersOf(loraTargets, [0, 1]),
  'the top layer, whole': wholeOf({ topLayers: 1, embeddings: false }),
  'the whole encoder': wholeOf({ topLayers: 2, embeddings: true }),
  'adapters beside the feed-forward maps': adaptersOf(['feed-forward'], [0, 1]),
};

/** Whole layers with every number moved. */
function wholeOf(whole: WholeConfig): TrainedModel {
  const adapter = { classes: 3, lora: null, whole };
  return { kind: 'lora', labels, maximumLength: 16, adapter, theta: engine.initialParameters(adapter).map((value, i) => value + 0.1 * Math.sin(i)) };
}

function quantizedDistilBert(): Map<string, Uint8Array> {
  const files = new Map(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'].map((name) => [name, new Uint8Array(readFileSync(join(import.meta.dirname, '..', 'fixtures', 'distilbert', name)))] as const));
  return files.set('model.safetensors', writeSafetensors(bertTensors(openModel(files).weights)));
}

/** Adapters with every number moved, so that none of their factors is zero. */
function adaptersOf(targets: readonly LoraTarget[], layers: readonly number[]): TrainedModel {
  const config = { classes: 3, lora: { rank: 2, alpha: 4, targets, layers } };
  return { kind: 'lora', labels, maximumLength: 16, adapter: config, theta: loraStart(weights.shape, config, 1).theta.map((value, i) => value + 0.2 * Math.sin(i)) };
}

function card(plan: Plan): ModelCardFacts {
  return {
    baseModel: 'nano', baseModelSha256: 'abc', baseModelLicense: 'apache-2.0', codeVersion: '1', isSynthetic: false, labels: releasableBecause('public', labels),
    counts: releasableBecause('public', { trainingRows: 48, trainingUnits: 48, heldOutUnits: 12 }), plan: releasableBecause('public', plan), stepsDone: releasableBecause('public', 8),
    statement: releasableBecause('public', statementOf(plan, { unit: 'row', trainingUnits: 48, classes: 3 })), accuracy: null, energyWh: releasableBecause('public', { low: 1, central: 2, high: 3 }),
  };
}

const releasableFiles = (model: TrainedModel) => exportedFiles(releasableBecause('charged', model), weights.shape, card(nanoPlans.fullBatch(48)));
const filesOf = (model: TrainedModel) => releasableFiles(model).value;
const texts = ['no fever at night, cough for two weeks', 'Left knee pain after a fall!', 'x'];

/** A Python with torch, transformers and tokenizers, or null. */
function findPython(): string | null {
  for (const python of [process.env['BEDSIDE_PYTHON'], 'python3'].filter((name) => name !== undefined && name !== '')) {
    try {
      execFileSync(python!, ['-c', 'import torch, transformers, tokenizers, safetensors'], { stdio: 'ignore', timeout: 60_000 });
      return python!;
    } catch {
      // Not this one.
    }
  }
  return null;
}

describe('an exported folder', () => {
  for (const [name, model] of Object.entries(models)) {
    it(`reads back to the same predictions: ${name}`, async () => {
      const read = readModelFiles(filesOf(model), weights.shape);
      const [before, after] = [await predictTexts(engine, tokenizer, model, texts), await predictTexts(engine, tokenizer, read, texts)];
      expect(after.map(({ label }) => label)).toEqual(before.map(({ label }) => label));
      // The bias is stored as a product in float32: 1e-7 of a logit.
      after.forEach(({ confidence }, i) => expect(confidence).toBeCloseTo(before[i]!.confidence, 5));
    });
  }

  it('says one digit of the energy, which follows how long the notes are, and none of a private run', () => {
    const text = modelCard({ ...card(nanoPlans.plainLora(48)), energyWh: releasableBecause('public', { low: 0.1234, central: 0.5678, high: 1.357 }) });
    expect(text).toContain('0.1 to 1 Wh, central 0.6');
    const priv = modelCard({ ...card(nanoPlans.fullBatch(48)), energyWh: null });
    expect(priv).not.toMatch(/energy|\bWh\b/i);
  });

  it('names the layers that the features of a head are of', () => {
    const of = (more: Partial<FullBatchHeadPlan>) => modelCard({ ...card(nanoPlans.fullBatch(48, more)), energyWh: null });
    expect(of({})).toContain('frozen features of layer 2;');
    expect(of({ ...twoFeatureLayers(2) })).toContain('frozen features of layers 2 and 1;');
  });

  it('tells the duration of a run to one digit: the ends of the range add nothing', () => {
    const figure = (central: number) => /[\d.]+ to [\d.]+ Wh, central [\d.]+/.exec(modelCard({ ...card(nanoPlans.plainLora(48)), energyWh: releasableBecause('public', { low: 0.44 * central, central, high: 2.2 * central }) }))![0];
    // From 1 to 10 Wh there are ten digits; a digit of each of the three numbers made 26 figures.
    expect(new Set(Array.from({ length: 400 }, (_, step) => figure(10 ** (step / 400)))).size).toBe(10);
  });

  it('says what the run was begun on, how that was checked, and which kernels were refused for what', () => {
    const said = (...checks: readonly OperationCheck[]) => modelCard({ ...card(nanoPlans.fullBatch(48)), device: releasableBecause('public', checkedDevice('wasm', checks)) });
    const of = (backend: OperationCheck['backend'], operation: string, passed = true, layer?: number): OperationCheck => ({ operation, backend, passed, worstError: passed ? 0 : 1, tolerance: 1e-5, ...(layer === undefined ? {} : { layer }) });
    expect(modelCard(card(nanoPlans.fullBatch(48)))).not.toContain('## Device');
    expect(said(of('wasm', 'linear'), of('wasm', 'gelu'))).toContain('## Device\n\nBegun on WebAssembly, which agreed with plain arithmetic in 2 checks.\n\n## Energy');
    expect(said(of('webgpu', 'linear'), of('webgpu', 'layerNorm', false), of('webgpu', 'gelu', false), of('wasm', 'linear'), of('wasm', 'goldenOutputs'))).toContain(
      "in 2 checks, the base model's golden batch among them.\nWebGPU was refused: its `layerNorm` did not agree with plain arithmetic.\n");
    expect(said(of('webgpu', 'goldenGradients', false, 4), of('wasm', 'linear'))).toContain("its gradients of the base model's golden batch did not agree with plain arithmetic, from layer 4 on.");
    const fallen = modelCard({ ...card(nanoPlans.fullBatch(48)), device: releasableBecause('public', checkedDevice('reference', [of('wasm', 'meanPool', false)])) });
    expect(fallen).toContain('Begun on plain arithmetic in TypeScript, which is the definition of every operation.\nWebAssembly was refused: its `meanPool` did not agree with plain arithmetic.');
  });

  it('names adapters as PEFT does, and has none for a head', () => {
    const files = filesOf(models['adapters']!);
    expect([...readSafetensors(files.get('adapter_model.safetensors')!).keys()].sort()).toEqual([
      'base_model.model.encoder.layer.1.attention.self.query.lora_A.weight', 'base_model.model.encoder.layer.1.attention.self.query.lora_B.weight',
      'base_model.model.encoder.layer.1.attention.self.value.lora_A.weight', 'base_model.model.encoder.layer.1.attention.self.value.lora_B.weight',
    ]);
    expect(JSON.parse(bytesToUtf8(files.get('adapter_config.json')!))).toMatchObject({ peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['query', 'value'], layers_to_transform: [1], base_model_name_or_path: 'nano' });
    expect([...filesOf(models['a plain head']!).keys()].filter((file) => file.startsWith('adapter'))).toEqual([]);
  });

  it('names each map so that PEFT finds it and no other', () => {
    const found = (targets: readonly LoraTarget[]) => JSON.parse(bytesToUtf8(filesOf(adaptersOf(targets, [0, 1])).get('adapter_config.json')!)) as Record<string, unknown>;
    expect(found(['attention-output'])).toMatchObject({ target_modules: ['attention.output.dense'], layers_to_transform: [0, 1] });
    expect(found(loraTargets)).toMatchObject({ target_modules: ['query', 'key', 'value', 'attention.output.dense', 'intermediate.dense', 'output.dense'], layers_to_transform: [0, 1] });
    // As PEFT takes it: a pattern that must match a whole path, without layers beside it.
    const { target_modules: pattern, layers_to_transform: layers } = found(['query', 'feed-forward']);
    expect(layers).toBeUndefined();
    const isFound = (path: string) => new RegExp(`^(?:${String(pattern)})$`).test(path);
    expect(['attention.self.query', 'intermediate.dense', 'output.dense'].every((path) => isFound(`encoder.layer.1.${path}`))).toBe(true);
    expect(['encoder.layer.1.attention.output.dense', 'encoder.layer.1.attention.self.key', 'encoder.layer.2.output.dense', 'encoder.layer.11.output.dense'].some(isFound)).toBe(false);
  });

  it('names the adapters of a DistilBERT by its own names', () => {
    const theirs = openModel(distilBert);
    const config = { classes: 3, lora: { rank: 2, alpha: 4, targets: loraTargets, layers: [0, 1] } };
    const model: TrainedModel = { kind: 'lora', labels, maximumLength: 16, adapter: config, theta: loraStart(theirs.weights.shape, config, 1).theta };
    const files = exportedFiles(releasableBecause('charged', model), theirs.weights.shape, card(nanoPlans.fullBatch(48))).value;
    expect(JSON.parse(bytesToUtf8(files.get('adapter_config.json')!))).toMatchObject({ target_modules: ['attention.q_lin', 'attention.k_lin', 'attention.v_lin', 'attention.out_lin', 'ffn.lin1', 'ffn.lin2'], layers_to_transform: [0, 1], layers_pattern: 'layer' });
    expect([...readSafetensors(files.get('adapter_model.safetensors')!).keys()]).toContain('base_model.model.transformer.layer.1.ffn.lin2.lora_A.weight');
    expect(readModelFiles(files, theirs.weights.shape)).toEqual(model);
  });

  it('whose adapters lack a tensor is refused by its name', () => {
    const files = new Map(filesOf(models['adapters beside the feed-forward maps']!));
    const tensors = readSafetensors(files.get('adapter_model.safetensors')!);
    tensors.delete('base_model.model.encoder.layer.1.output.dense.lora_A.weight');
    files.set('adapter_model.safetensors', writeSafetensors(tensors));
    expect(() => readModelFiles(files, weights.shape)).toThrow(/encoder\.layer\.1\.output\.dense\.lora_A\.weight/);
  });

  it('is the same zip for the same content, in one folder whose name says nothing', () => {
    const files = filesOf(models['adapters']!);
    const zip = exportedZip(releasableFiles(models['adapters']!)).value;
    expect(exportedZip(releasableFiles(models['adapters']!)).value).toEqual(zip);
    expect(Object.keys(unzipSync(zip)).sort()).toEqual([...files.keys()].map((file) => `bedside-model/${file}`).sort());
  });

  it('says of a run of an older version that its counts were not recorded', () => {
    const { counts: _, ...rest } = card(nanoPlans.fullBatch(48));
    expect(modelCard({ ...rest, counts: null })).toContain('The number of notes was not recorded with the run; labels: kidney');
    expect(modelCard(card(nanoPlans.fullBatch(48)))).toContain('48 notes; labels: kidney');
  });

  it('says of plain adapters whether their head started from the sentences', () => {
    const sentence = 'the head started from one public sentence a label';
    const withRows = (trainingRows: number) => modelCard({ ...card(nanoPlans.plainLora(48)), counts: releasableBecause('public', { trainingRows, trainingUnits: trainingRows, heldOutUnits: 12 }) });
    expect(withRows(199)).toContain(sentence);
    expect(withRows(200)).not.toContain(sentence);
  });

  it('names the library that loads it: PEFT where there is an adapter, and no other claim to it', () => {
    for (const [plan, library] of [[nanoPlans.plainLora(48), 'peft'], [nanoPlans.fullBatch(48), 'bedside'], [nanoPlans.plainHead(48), 'bedside']] as const) {
      const text = modelCard(card(plan));
      expect(/^library_name: (.*)$/m.exec(text)?.[1], plan.kind).toBe(library);
      expect(text.includes('PEFT'), plan.kind).toBe(library === 'peft');
    }
  });

  it('says what a score cost that was charged and lost', () => {
    const plan = nanoPlans.fullBatch(48);
    expect(modelCard(card(plan))).toContain('epsilon 1 for a score that was not kept');
    expect(modelCard({ ...card(plan), accuracy: releasableBecause('charged', { value: 0.5, low: 0.4, high: 0.6, epsilon: 1.2 }) })).toContain('charged validation on 12 held-out notes at epsilon 1.2,');
    expect(modelCard(card({ ...plan, validationEpsilon: null }))).toContain('No score was charged, so none is stated.');
    expect(modelCard(card({ ...plan, search: { meanRuns: 2, scoreEpsilon: 2 }, validationEpsilon: null }))).toContain('epsilon 2 for what the search chose by, and no score');
  });

  it('never promises more than was charged: what does not fit its digits is rounded up', () => {
    const facts = card(nanoPlans.fullBatch(48));
    const { value } = facts.statement;
    if (!value.isPrivate) throw new Error('The plan is private.');
    const statement = { ...value, epsilon: 2.001, epsilonReplaceOne: 4.0449, delta: 1.04e-5, samplerDelta: 2.01e-16, mu: 0.56101, validation: { part: 'held-out', epsilon: 1.0001 } } as const;
    const text = modelCard({ ...facts, accuracy: null, statement: releasableBecause('public', statement) });
    expect(text).toContain('epsilon is at most 2.01 at delta 1.1e-5');
    expect(text).toContain('by another: epsilon at most 4.05.');
    expect(text).toContain('one Gaussian of mu at most 0.562.');
    expect(text).toContain('its rounding adds at most 2.1e-16 to delta');
    const searched = { ...statement, search: { meanRuns: 5, runsMade: 29, epsilonOfOne: 1, candidates: 7 } };
    expect(modelCard({ ...facts, accuracy: null, statement: releasableBecause('public', searched) })).toContain('the cut of the law of how many runs count add at most 2.1e-16 to delta');
    const exposed = modelCard({ ...facts, accuracy: null, statement: releasableBecause('public', { ...statement, samplerDelta: 2.01e-6, deltaInAll: 1.241e-5, deltaReplaceOne: 2.601e-5 }) });
    expect(exposed).toContain('epsilon is at most 2.01 at delta 1.3e-5');
    expect(exposed).toContain('by another: epsilon at most 4.05 at delta 2.7e-5.');
    expect(exposed).toContain('its rounding adds at most 2.1e-6 to delta, which is counted above');
    expect(text).toContain('charged epsilon 1.01 for a score');
    expect(modelCard({ ...facts, accuracy: releasableBecause('charged', { value: 0.5, low: 0.4, high: 0.6, epsilon: 1.2001 }) })).toContain('at epsilon 1.21,');
  });

  it('states the promise, and says loudly where there is none', () => {
    const text = bytesToUtf8(filesOf(models['adapters']!).get('README.md')!);
    expect(text).toMatch(/epsilon is at most 3 at delta 1\.0e-5\*\* for each note[\s\S]*At 1 % false alarms an attacker finds at most \d+\.\d % of the notes[\s\S]*zero-out/);
    const plain = bytesToUtf8(exportedFiles(releasableBecause('charged', models['a plain head']!), weights.shape, card(nanoPlans.plainHead(48))).value.get('README.md')!);
    expect(plain).toContain('**This model is not private.**');
  });

  it('of a plain run may leave only by the owner, of a private one by its charges', () => {
    const model = models['a plain head']!;
    expect(releasableModel(nanoPlans.plainHead(48), model)).toBeNull();
    expect(releasableModel(nanoPlans.plainLora(48), model)).toBeNull();
    expect(releasableModel(nanoPlans.fullBatch(48), model)!.value).toBe(model);
    expect(releasableModel(nanoPlans.dpSgd(48), model)!.value).toBe(model);
  });

  it('refuses a folder that lacks something, and says what', () => {
    const files = new Map(filesOf(models['adapters']!));
    files.delete('adapter_model.safetensors');
    expect(() => readModelFiles(files, weights.shape)).toThrow('adapter_model.safetensors');
    expect(() => readModelFiles(new Map(), weights.shape)).toThrow('head_config.json');
  });

  it('is refused where its settings do not go with one another', () => {
    const files = filesOf(models['a head over two layers']!);
    const config: Record<string, unknown> = JSON.parse(bytesToUtf8(files.get('head_config.json')!));
    const changed = (change: Record<string, unknown>) => new Map([...files, ['head_config.json', new TextEncoder().encode(JSON.stringify({ ...config, ...change }))]]);
    expect(readModelFiles(changed({}), weights.shape)).toMatchObject({ kind: 'head' });
    for (const weightsOf of [[1], [0.5, 0.3, 0.2], [1, -1]]) expect(() => readModelFiles(changed({ weights: weightsOf }), weights.shape)).toThrow('one weight of 0 or more for each layer');
    for (const layers of [[2, 99], [2, -1], [2, 0.5]]) expect(() => readModelFiles(changed({ layers }), weights.shape)).toThrow('layers from 0 to 2');
  });

  const python = findPython();
  const folder = mkdtempSync(join(tmpdir(), 'bedside-export-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, files: ReadonlyMap<string, Uint8Array>) => {
    mkdirSync(join(folder, name), { recursive: true });
    for (const [file, bytes] of files) writeFileSync(join(folder, name, file), bytes);
  };
  it.skipIf(python === null)('predicts the same in PyTorch: adapters of a DistilBERT', async () => {
    const theirs = openModel(distilBert);
    const config = { classes: 3, lora: { rank: 2, alpha: 4, targets: loraTargets, layers: [1] } };
    const model: TrainedModel = { kind: 'lora', labels, maximumLength: 16, adapter: config, theta: loraStart(theirs.weights.shape, config, 1).theta.map((value, i) => value + 0.2 * Math.sin(i)) };
    write('distilbert', distilBert);
    write('distilbert-adapters', exportedFiles(releasableBecause('charged', model), theirs.weights.shape, card(nanoPlans.fullBatch(48))).value);
    const [expected] = await predictTexts(createEngine(createReferenceOperations(), theirs.weights), theirs.tokenizer, model, [texts[0]!]);
    const answer: unknown = JSON.parse(execFileSync(python!, [join(folder, 'distilbert-adapters', 'predict.py'), join(folder, 'distilbert'), texts[0]!], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    expect(answer).toMatchObject({ label: expected!.label, confidence: expect.closeTo(expected!.confidence, 4) });
  });
  for (const name of ['a plain head', 'the top layer, whole']) {
    it.skipIf(python === null)(`predicts the same in PyTorch, beside a base model that was released with a head: ${name}`, async () => {
      const released = new Map([...readSafetensors(base.get('model.safetensors')!)].map(([tensor, values]) => [`bert.${tensor.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}`, values] as const));
      write('released', new Map([...base, ['model.safetensors', writeSafetensors(released)]]));
      const model = models[name]!;
      write('beside', filesOf(model));
      const run = (script: string, ...rest: readonly string[]) => execFileSync(python!, [join(folder, 'beside', script), ...rest], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const isMerged = name !== 'a plain head';
      if (isMerged) run('merge.py', join(folder, 'released'), join(folder, 'released-merged'));
      const [expected] = await predictTexts(engine, tokenizer, model, [texts[0]!]);
      const answer: unknown = JSON.parse(run('predict.py', join(folder, isMerged ? 'released-merged' : 'released'), texts[0]!));
      expect(answer).toMatchObject({ label: expected!.label, confidence: expect.closeTo(expected!.confidence, 4) });
    });
  }
  it.skipIf(python === null)('merges whole layers into a folder that transformers loads', async () => {
    const model = models['the top layer, whole']!;
    write('base', base);
    write('whole', filesOf(model));
    execFileSync(python!, [join(folder, 'whole', 'merge.py'), join(folder, 'base'), join(folder, 'merged')], { stdio: 'ignore' });
    const merged = new Map([...base.keys()].map((name) => [name, new Uint8Array(readFileSync(join(folder, 'merged', name)))] as const));
    const tensors = readSafetensors(merged.get('model.safetensors')!);
    const { entries } = parameterLayout(weights.shape, { classes: 3, lora: null, whole: { topLayers: 1, embeddings: false } });
    for (const { name, offset, length } of entries.filter((entry) => entry.name.startsWith('encoder.'))) {
      expect(tensors.get(name)!.values, name).toEqual(model.kind === 'lora' ? model.theta.slice(offset, offset + length) : null);
    }
    const loaded: unknown = JSON.parse(execFileSync(python!, ['-c', 'import json, sys; from transformers import AutoModel; m = AutoModel.from_pretrained(sys.argv[1], output_loading_info=True); print(json.dumps([k for k in m[1]["missing_keys"] if "pooler" not in k] + m[1]["unexpected_keys"]))', join(folder, 'merged')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    expect(loaded).toEqual([]);
  });
  for (const [index, [name, model]] of Object.entries(models).entries()) {
    it.skipIf(python === null)(`predicts the same in PyTorch: ${name}`, async () => {
      write('base', base);
      write(`model-${index}`, filesOf(model));
      const [expected] = await predictTexts(engine, tokenizer, model, [texts[0]!]);
      const answer: unknown = JSON.parse(execFileSync(python!, [join(folder, `model-${index}`, 'predict.py'), join(folder, 'base'), texts[0]!], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      // Two float32 encoders of two layers: 1e-5 of a probability.
      expect(answer).toMatchObject({ label: expected!.label, confidence: expect.closeTo(expected!.confidence, 4) });
    });
  }
});
