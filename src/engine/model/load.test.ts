import { describe, expect, test } from 'vitest';
import { bertConfig, bertShape } from './config.ts';
import { bertTensors, loadBert } from './load.ts';
import { nanoFloatFiles, nanoModel, nanoModelFiles, nanoShape } from './nano.ts';
import { openModel } from './open-model.ts';
import { randomBertTensors } from './random-bert.ts';
import { readSafetensors } from './safetensors.ts';

const tensors = randomBertTensors(nanoShape, 3);
const config = bertConfig(nanoShape);
const weights = loadBert({ config, tensors });

const renamed = (rename: (name: string) => string) => new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));
const without = (name: string) => new Map([...tensors].filter(([other]) => other !== name));

describe('loadBert', () => {
  test('reads back the int8 tensors that bertTensors writes', () => expect(loadBert({ config, tensors: bertTensors(weights) })).toEqual(weights));
  test('takes names with bert. in front', () => expect(loadBert({ config, tensors: renamed((name) => `bert.${name}`) })).toEqual(weights));
  test('takes gamma and beta for weight and bias of a layer norm', () => {
    const old = renamed((name) => name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'));
    expect(loadBert({ config, tensors: old })).toEqual(weights);
  });
  test('ignores the pooler', () => {
    expect(loadBert({ config, tensors: new Map([...tensors, ['pooler.dense.weight', { shape: [1], values: Float32Array.of(1) }]]) })).toEqual(weights);
  });
  test('names a tensor that is missing', () => {
    expect(() => loadBert({ config, tensors: without('encoder.layer.1.output.dense.bias') })).toThrow('The model has no tensor encoder.layer.1.output.dense.bias in float32');
  });
  test('names int8 weights without their scales', () => {
    const scaleless = new Map([...bertTensors(weights)].filter(([name]) => name !== 'encoder.layer.0.intermediate.dense.weight.scale'));
    expect(() => loadBert({ config, tensors: scaleless })).toThrow('The model has no tensor encoder.layer.0.intermediate.dense.weight.scale');
  });
  test('refuses int8 weights that lie outside of ±127, which no kernel is told to take', () => {
    const spoiled = bertTensors(weights);
    const name = 'encoder.layer.1.output.dense.weight';
    const { shape, values } = spoiled.get(name)!;
    spoiled.set(name, { shape, values: Int8Array.from(values).fill(-128, 7, 8) });
    expect(() => loadBert({ config, tensors: spoiled })).toThrow(`int8 values from -127 to 127 in ${name}, found -128`);
  });
  test('names a tensor of another shape', () => {
    expect(() => loadBert({ config: { ...config, intermediate_size: 48 }, tensors })).toThrow('Tensor encoder.layer.0.intermediate.dense.weight should be 48 x 32, found 64 x 32.');
  });
});

describe('bertShape', () => {
  test('reads back bertConfig', () => expect(bertShape(config)).toEqual(nanoShape));
  test.each<[string, unknown, RegExp]>([
    ['another model', { ...config, model_type: 'roberta' }, /model_type "bert" or "distilbert", found "roberta"/],
    ['a decoder', { ...config, is_decoder: true }, /is_decoder false, found true/],
    ['another activation', { ...config, hidden_act: 'gelu_new' }, /hidden_act "gelu", found "gelu_new"/],
    ['relative positions', { ...config, position_embedding_type: 'relative_key' }, /position_embedding_type "absolute"/],
    ['no size', { ...config, hidden_size: undefined }, /hidden_size as a whole number above 0, found nothing/],
    ['heads that do not divide the width', { ...config, num_attention_heads: 3 }, /num_attention_heads as a divisor of 32, found 3/],
    ['an epsilon of 0', { ...config, layer_norm_eps: 0 }, /layer_norm_eps as a number above 0/],
    ['a list', [], /an object/],
  ])('refuses %s', (_name, value, message) => expect(() => bertShape(value)).toThrow(message));
});

describe('nano model', () => {
  test('is the same for the same seed and another for another', () => {
    expect(nanoModelFiles(1)).toEqual(nanoModelFiles(1));
    expect(nanoModelFiles(1)).not.toEqual(nanoModelFiles(2));
  });
  test('opens from its files as from memory, quantized or not', () => {
    const { weights: wanted } = nanoModel(5);
    expect(openModel(nanoModelFiles(5)).weights).toEqual(wanted);
    expect(openModel(nanoFloatFiles(5)).weights).toEqual(wanted);
    expect([...readSafetensors(nanoModelFiles(5).get('model.safetensors')!).values()].some(({ values }) => values instanceof Int8Array)).toBe(true);
  });
  test('every token of its vocabulary has an embedding', () => {
    const { tokenizer } = openModel(nanoModelFiles(5));
    const { ids } = tokenizer.encode('Pt. c/o chest pain x3 days, denies fever; zq 7.9% [MASK]', 128);
    expect(Math.max(...ids)).toBeLessThan(nanoShape.vocabularySize);
    // [UNK] is 1: letters, digits and punctuation are all known.
    expect([...ids]).not.toContain(1);
  });
  test.each(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'])('names %s where it is missing', (name) => {
    const files = nanoModelFiles(5);
    files.delete(name);
    expect(() => openModel(files)).toThrow(`The model has no ${name}.`);
  });
  test.each(['config.json', 'tokenizer.json', 'tokenizer_config.json'])('names %s where it is no JSON', (name) => {
    expect(() => openModel(new Map([...nanoModelFiles(5), [name, Uint8Array.of(0x7b)]]))).toThrow(`${name} should be a JSON object`);
  });
});
