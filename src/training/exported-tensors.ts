import { familyName, familyPath } from '../engine/model/family.ts';
import { isJsonObject, type JsonObject } from '../engine/model/json.ts';
import { modelError } from '../engine/model/model-error.ts';
import { readSafetensors, writeSafetensors } from '../engine/model/safetensors.ts';
import type { Tensor, Tensors } from '../engine/model/tensor.ts';
import { loraPaths, loraTargets, parameterLayout, type AdapterConfig, type LoraConfig, type LoraTarget } from '../engine/parameters.ts';
import { familyOf, type BertShape } from '../engine/model/weights.ts';
import { bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import type { TrainedHead, TrainedLora, TrainedModel } from './trained-model.ts';

/** PEFT names a tensor by its path under the wrapped model. */
const peftPrefix = 'base_model.model.';

function json(value: unknown): Uint8Array {
  return utf8ToBytes(`${JSON.stringify(value, null, 2)}\n`);
}

function headFiles(model: TrainedHead): Map<string, Uint8Array> {
  const classes = model.labels.length;
  const length = model.weights.length / classes - 1;
  const weight = new Float32Array(classes * length);
  const bias = new Float32Array(classes);
  for (let c = 0; c < classes; c++) {
    weight.set(model.weights.subarray(c * (length + 1), c * (length + 1) + length), c * length);
    bias[c] = model.biasInput * model.weights[c * (length + 1) + length]!;
  }
  const tensors = new Map<string, Tensor>([['weight', { shape: [classes, length], values: weight }], ['bias', { shape: [classes], values: bias }]]);
  if (model.mean) tensors.set('mean', { shape: [length], values: model.mean });
  const { layers, weights, isUnitLength } = model.features;
  return new Map([
    ['head_config.json', json({ labels: model.labels, maximum_length: model.maximumLength, layers, weights, unit_length: isUnitLength })],
    ['head.safetensors', writeSafetensors(tensors)],
  ]);
}

/** What PEFT calls a map: the shortest end of its path that it is known by. */
const peftName = (path: string): string => path.replace(/^attention\.self\./, '');

/**
 * Where PEFT finds the adapted maps. It compares a list with the ends of paths, and `output.dense` ends both output maps of BERT: where only that of the
 * feed-forward block is meant, a pattern over whole paths, beside which it takes no layers.
 */
function peftTargets({ targets, layers }: LoraConfig, shape: BertShape): JsonObject {
  const family = familyOf(shape);
  const paths = targets.flatMap((target) => loraPaths[target]).map((path) => familyPath(family, path));
  const isAmbiguous = family === 'bert' && targets.includes('feed-forward') && !targets.includes('attention-output');
  if (!isAmbiguous) return { target_modules: paths.map(peftName), layers_to_transform: layers, layers_pattern: 'layer' };
  return { target_modules: `.*\\.layer\\.(${layers.join('|')})\\.(${paths.map((path) => path.replaceAll('.', '\\.')).join('|')})` };
}

/** PEFT's name of a tensor that Bedside calls by BERT's. */
const peftTensor = (shape: BertShape, name: string) => peftPrefix + familyName(familyOf(shape), name);

/** The layers and targets of an adapter, by the names of its tensors. */
function adaptedBy(names: ReadonlySet<string>, shape: BertShape): Pick<LoraConfig, 'layers' | 'targets'> {
  const isThere = (layer: number, target: LoraTarget) => loraPaths[target].some((path) => names.has(peftTensor(shape, `encoder.layer.${layer}.${path}.lora_A.weight`)));
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
  return { layers: layers.filter((layer) => loraTargets.some((target) => isThere(layer, target))), targets: loraTargets.filter((target) => layers.some((layer) => isThere(layer, target))) };
}

/** Holds the trained layers of a model without adapters, under the names of its encoder. */
const wholeFile = 'trained_layers.safetensors';

function loraFiles(model: TrainedLora, shape: BertShape, baseModel: string): Map<string, Uint8Array> {
  const { entries } = parameterLayout(shape, model.adapter);
  const adapter = new Map<string, Tensor>();
  const head = new Map<string, Tensor>();
  for (const { name, shape: sizes, offset, length } of entries) {
    const tensor = { shape: sizes, values: model.theta.slice(offset, offset + length) };
    if (name.startsWith('classifier.')) head.set(name.slice('classifier.'.length), tensor);
    else if (model.adapter.whole) adapter.set(familyName(familyOf(shape), name), tensor);
    else adapter.set(peftTensor(shape, name), tensor);
  }
  const { lora, whole } = model.adapter;
  const trained = whole ? { trained_layers: whole.topLayers, trained_embeddings: whole.embeddings } : {};
  const files = new Map<string, Uint8Array>([
    ['head_config.json', json({ labels: model.labels, maximum_length: model.maximumLength, layers: [shape.layers], weights: [1], unit_length: false, ...trained })],
    ['head.safetensors', writeSafetensors(head)],
  ]);
  if (whole) files.set(wholeFile, writeSafetensors(adapter, { format: 'pt' }));
  if (lora) {
    files.set('adapter_model.safetensors', writeSafetensors(adapter, { format: 'pt' }));
    files.set('adapter_config.json', json({
      peft_type: 'LORA', task_type: 'FEATURE_EXTRACTION', base_model_name_or_path: baseModel, inference_mode: true,
      r: lora.rank, lora_alpha: lora.alpha, lora_dropout: 0, bias: 'none', fan_in_fan_out: false,
      ...peftTargets(lora, shape),
    }));
  }
  return files;
}

/** The tensors and settings of a trained model as files, by name. A head's bias is stored as it acts, bias input included. */
export function modelFiles(model: TrainedModel, shape: BertShape, baseModel: string): Map<string, Uint8Array> {
  return model.kind === 'head' ? headFiles(model) : loraFiles(model, shape, baseModel);
}

function folderError(expected: string): Error {
  return modelError('exported-folder', `The model folder should hold ${expected} and does not.`, 'Export the model again, or choose the folder that `train` wrote.');
}

function file(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw folderError(name);
  return bytes;
}

function settings(bytes: Uint8Array, name: string): JsonObject {
  try {
    const value: unknown = JSON.parse(bytesToUtf8(bytes));
    if (isJsonObject(value)) return value;
  } catch {
    // Falls through: the parser's own message quotes the file.
  }
  throw folderError(`valid JSON in ${name}`);
}

function numbers(value: unknown, name: string): number[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isFinite(item))) return value;
  throw folderError(`numbers in ${name}`);
}

function texts(value: unknown, name: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw folderError(`names in ${name}`);
}

function floats(tensor: Tensor | undefined, length: number, name: string): Float32Array {
  if (!tensor || tensor.values instanceof Int8Array || tensor.values.length !== length) throw folderError(`${name} with ${length} values`);
  return tensor.values;
}

/**
 * Reads a trained model back from its files.
 * @throws errors of family `model` that name what is missing.
 */
export function readModelFiles(files: ReadonlyMap<string, Uint8Array>, shape: BertShape): TrainedModel {
  const config = settings(file(files, 'head_config.json'), 'head_config.json');
  const labels = texts(config['labels'], 'labels');
  const maximumLength = Number(config['maximum_length']);
  const layers = numbers(config['layers'], 'layers');
  const head = readSafetensors(file(files, 'head.safetensors'));
  const classes = labels.length;
  const length = layers.length * shape.width;
  const weight = floats(head.get('weight'), classes * length, 'weight');
  const bias = floats(head.get('bias'), classes, 'bias');
  if (!Number.isInteger(maximumLength) || maximumLength < 3 || maximumLength > shape.maximumPositions) throw folderError(`a maximum length of at most ${shape.maximumPositions}`);
  if (!layers.every((layer) => Number.isInteger(layer) && layer >= 0 && layer <= shape.layers)) throw folderError(`layers from 0 to ${shape.layers}`);
  /** Theta of a layout from the tensors that the file has by name; the head's are read already. */
  const assembled = (adapter: AdapterConfig, tensors: Tensors, nameOf: (name: string) => string): TrainedLora => {
    const layout = parameterLayout(shape, adapter);
    const theta = new Float32Array(layout.length);
    for (const { name, offset, length: size } of layout.entries) {
      theta.set(name === 'classifier.weight' ? weight : name === 'classifier.bias' ? bias : floats(tensors.get(nameOf(name)), size, name), offset);
    }
    return { kind: 'lora', labels, maximumLength, adapter, theta };
  };
  if (files.has(wholeFile)) {
    const topLayers = Number(config['trained_layers']);
    const embeddings = config['trained_embeddings'] === true;
    if (!Number.isInteger(topLayers) || topLayers < 1 || topLayers > shape.layers || (embeddings && topLayers < shape.layers)) throw folderError(`1 to ${shape.layers} trained layers, and embeddings only with all of them`);
    return assembled({ classes, lora: null, whole: { topLayers, embeddings } }, readSafetensors(file(files, wholeFile)), (name) => familyName(familyOf(shape), name));
  }
  if (!files.has('adapter_config.json')) {
    const layerWeights = numbers(config['weights'], 'weights');
    if (layerWeights.length !== layers.length || layerWeights.some((one) => one < 0)) throw folderError('one weight of 0 or more for each layer');
    const weights = new Float32Array(classes * (length + 1));
    for (let c = 0; c < classes; c++) {
      weights.set(weight.subarray(c * length, (c + 1) * length), c * (length + 1));
      weights[c * (length + 1) + length] = bias[c]!;
    }
    const mean = head.get('mean');
    return {
      kind: 'head', labels, maximumLength, biasInput: 1, weights,
      features: { layers, weights: layerWeights, isUnitLength: config['unit_length'] === true },
      mean: mean ? floats(mean, length, 'mean') : null,
    };
  }
  const lora = settings(file(files, 'adapter_config.json'), 'adapter_config.json');
  const tensors = readSafetensors(file(files, 'adapter_model.safetensors'));
  const adapter: AdapterConfig = { classes, lora: { rank: Number(lora['r']), alpha: Number(lora['lora_alpha']), ...adaptedBy(new Set(tensors.keys()), shape) } };
  return assembled(adapter, tensors, (name) => peftTensor(shape, name));
}
