import { describe, expect, it } from 'vitest';
import { createEngine } from './bert.ts';
import { keepsHalvesOf } from './kept-activations.ts';
import { countBuffers } from './live-buffers.ts';
import type { BertShape } from './model/weights.ts';
import { caseShape, caseValues, caseWeights, offsetsOf, scaledError } from './operations/operation-case.ts';
import { largestHalf, roundedToHalves } from './operations/kept/reference.ts';
import { loraTargets, type AdapterConfig } from './parameters.ts';
import { clippedSumPass } from './passes.ts';
import { plannedMemory } from './planned-memory.ts';
import { createReferenceOperations } from './reference/reference-operations.ts';

const bertBase: BertShape = { layers: 12, width: 768, heads: 12, feedForwardWidth: 3072, vocabularySize: 30_522, maximumPositions: 512, tokenTypes: 2, layerNormEpsilon: 1e-12 };
const miniLm: BertShape = { ...bertBase, layers: 6, width: 384, feedForwardWidth: 1536 };
const loraOn = (layers: readonly number[], targets: readonly (typeof loraTargets)[number][] = ['query', 'value']): AdapterConfig => ({ classes: 3, lora: { rank: 8, alpha: 16, targets, layers } });
const all = (shape: BertShape) => Array.from({ length: shape.layers }, (_, layer) => layer);

describe('halves are kept', () => {
  it('where a token would take more than 256 kB', () => {
    expect(keepsHalvesOf(bertBase, loraOn(all(bertBase)))).toBe(true);
    expect(keepsHalvesOf(bertBase, loraOn([10, 11]))).toBe(false);
    expect(keepsHalvesOf(bertBase, { classes: 3, lora: null })).toBe(false);
    expect(keepsHalvesOf(miniLm, loraOn(all(miniLm)))).toBe(false);
  });

  it('rounded to the nearest, and to 65504 at most', () => {
    expect([...roundedToHalves(Float32Array.of(0, 1 / 3, -1 - 2 ** -11, 1 + 3 * 2 ** -11, 1e6, -Infinity))]).toEqual([0, 0.333251953125, -1, 1 + 2 ** -9, largestHalf, -largestHalf]);
  });
});

describe('a step with its activations in halves', () => {
  const lengths = [3, 1, 9, 5];
  const offsets = Int32Array.from(offsetsOf(lengths));
  const batch = { ids: Int32Array.from({ length: offsets.at(-1)! }, (_, t) => (t * 37 + 5) % caseShape('nano').vocabularySize), offsets };
  const labels = Int32Array.of(2, 0, 1, 1);

  function engineWith(adapter: AdapterConfig, keepsHalves: boolean) {
    const { operations, live } = countBuffers(createReferenceOperations());
    const engine = createEngine(operations, caseWeights('nano'), { keepsHalves });
    const layout = engine.configure(adapter);
    engine.setParameters(caseValues(layout.length, 42, 0.2));
    return { engine, live, length: layout.length };
  }

  it.each([
    ['query and value', loraOn([0, 1])], ['every map', loraOn([0, 1], loraTargets)], ['the feed-forward maps of the first layer', loraOn([0], ['feed-forward'])], ['the head alone', { classes: 3, lora: null }],
  ] as const)('has the losses of float32 and gradients near them: adapters on %s', async (_name, adapter) => {
    const whole = engineWith(adapter, false);
    const halves = engineWith(adapter, true);
    const wanted = await whole.engine.gradients(batch, labels);
    const found = await halves.engine.gradients(batch, labels);
    expect(found.losses).toEqual(wanted.losses);
    // Every activation is off by 2^-11 of itself at most, and those of two maps, a softmax and two norms meet in a gradient: 8e-4 of the largest is found.
    expect(scaledError([found.gradients], [wanted.gradients])).toBeLessThan(2 ** -9);
    if (adapter.lora) expect(found.gradients).not.toEqual(wanted.gradients);
    expect(halves.live.count).toBe(whole.live.count);
  });

  it('gives a row the same bits alone as among others', async () => {
    const { engine, length } = engineWith(loraOn([0, 1], loraTargets), true);
    const together = await engine.gradients(batch, labels);
    for (const b of lengths.keys()) {
      const alone = await engine.gradients({ ids: batch.ids.slice(offsets[b]!, offsets[b + 1]!), offsets: Int32Array.of(0, lengths[b]!) }, labels.subarray(b, b + 1));
      expect(alone.gradients).toEqual(together.gradients.slice(b * length, (b + 1) * length));
    }
  });
});

describe('the planned memory of a private step on WebGPU', () => {
  const planned = async (shape: BertShape, tokens: number, keepsHalves?: boolean) => {
    const { stepBytes } = await plannedMemory({ backend: 'webgpu', shape, adapter: loraOn(all(shape)), passes: [clippedSumPass], bucket: { tokens, rows: 4 }, ...(keepsHalves === undefined ? {} : { keepsHalves }) });
    return stepBytes / 2 ** 20;
  };

  it('falls by most of half of what bert-base keeps', async () => {
    const [halves, whole] = [await planned(bertBase, 512), await planned(bertBase, 512, false)];
    // 12 layers of 8,448 numbers a token are 198 MB in float32; a layer at work is in float32 either way.
    expect(whole - halves).toBeGreaterThan(75);
    expect(halves / whole).toBeLessThan(0.72);
  });

  it('is that of float32 where it is not asked for', async () => {
    expect(await planned(miniLm, 256)).toBe(await planned(miniLm, 256, false));
  });
});
