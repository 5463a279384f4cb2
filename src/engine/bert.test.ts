import { describe, expect, test } from 'vitest';
import { createEngine } from './bert.ts';
import type { TokenBatch } from './engine.ts';
import { countBuffers } from './live-buffers.ts';
import { caseShape, caseValues, caseWeights, offsetsOf } from './operations/operation-case.ts';
import type { Operations } from './operations/operations.ts';
import { loraTargets, type AdapterConfig } from './parameters.ts';
import { createReferenceOperations, createReferenceOperationsIn } from './reference/reference-operations.ts';

const weights = caseWeights('nano');
const { width: D, layers: L, vocabularySize: V, maximumPositions } = caseShape('nano');

const lengths = [3, 1, 9, 5];
const batch: TokenBatch = rows(lengths);
const labels = Int32Array.of(2, 0, 1, 1);

const headOnly: AdapterConfig = { classes: 3, lora: null };
const everyLayer: AdapterConfig = { classes: 3, lora: { rank: 4, alpha: 8, targets: ['query', 'value'], layers: [0, 1] } };
const topLayer: AdapterConfig = { classes: 3, lora: { rank: 4, alpha: 8, targets: ['value'], layers: [1] } };
const everyMap: AdapterConfig = { classes: 3, lora: { rank: 2, alpha: 4, targets: loraTargets, layers: [0, 1] } };
const feedForward: AdapterConfig = { classes: 3, lora: { rank: 2, alpha: 4, targets: ['feed-forward'], layers: [0] } };
const attentionOutput: AdapterConfig = { classes: 3, lora: { rank: 2, alpha: 4, targets: ['attention-output', 'key'], layers: [1] } };
const adapters = [
  ['head only', headOnly], ['LoRA in every layer', everyLayer], ['LoRA in the top layer', topLayer],
  ['LoRA beside every map', everyMap], ['LoRA beside the feed-forward maps of the first layer', feedForward], ['LoRA beside key and attention output', attentionOutput],
] as const;

function rows(rowLengths: readonly number[]): TokenBatch {
  const offsets = Int32Array.from(offsetsOf(rowLengths));
  return { ids: Int32Array.from({ length: offsets.at(-1)! }, (_, t) => (t * 37 + 5) % V), offsets };
}

function row(b: number): TokenBatch {
  return { ids: batch.ids.slice(batch.offsets[b], batch.offsets[b + 1]), offsets: Int32Array.of(0, lengths[b]!) };
}

function engineWith<Buffer>(operations: Operations<Buffer>, adapter: AdapterConfig, maximumTokens?: number) {
  const engine = createEngine(operations, weights, maximumTokens === undefined ? {} : { maximumTokens });
  const layout = engine.configure(adapter);
  engine.setParameters(caseValues(layout.length, 42, 0.2));
  return { engine, layout };
}

/** Names of the operations called, with layer and map where there are any. */
function spied(operations: Operations<Float32Array>) {
  const calls: string[] = [];
  const watched: Operations<Float32Array> = {
    ...operations,
    linearBackward(layer, name, dy, tokens, residual) {
      calls.push(`linearBackward ${layer} ${name}`);
      return operations.linearBackward(layer, name, dy, tokens, residual);
    },
    meanPoolBackward(dPooled, sequences) {
      calls.push('meanPoolBackward');
      return operations.meanPoolBackward(dPooled, sequences);
    },
  };
  return { calls, watched };
}

describe.each(adapters)('%s', (_name, adapter) => {
  test('a row alone, in a batch, or in any micro-batch gives the same bits', async () => {
    const { engine, layout } = engineWith(createReferenceOperations(), adapter);
    const whole = await engine.gradients(batch, labels);
    const logits = await engine.logits(batch);
    for (const maximumTokens of [1, 4, 10]) {
      const { engine: split } = engineWith(createReferenceOperations(), adapter, maximumTokens);
      expect(await split.gradients(batch, labels)).toEqual(whole);
      expect(await split.logits(batch)).toEqual(logits);
    }
    for (const b of lengths.keys()) {
      const alone = await engine.gradients(row(b), labels.subarray(b, b + 1));
      expect(alone.losses[0]).toBe(whole.losses[b]);
      expect(alone.gradients).toEqual(whole.gradients.slice(b * layout.length, (b + 1) * layout.length));
    }
  });

  test('the gradient of each tensor is the slope of the loss along it', async () => {
    // Float64 inside; the loss leaves as float32, so a slope over 2h = 0.02 carries 6e-8 / 0.02 = 3e-6, and curvature h² = 1e-4 of it.
    const h = 0.01;
    const { engine, layout } = engineWith(createReferenceOperationsIn<Float64Array>((length) => new Float64Array(length)), adapter);
    const theta = caseValues(layout.length, 42, 0.2);
    const { gradients } = await engine.gradients(row(2), labels.subarray(2, 3));
    for (const { name, offset, length } of layout.entries) {
      const block = gradients.subarray(offset, offset + length);
      const slope = Math.hypot(...block);
      expect(slope, name).toBeGreaterThan(1e-3);
      const lossAt = async (distance: number) => {
        const moved = theta.slice();
        for (let i = 0; i < length; i++) moved[offset + i]! += (distance * block[i]!) / slope;
        engine.setParameters(moved);
        return (await engine.gradients(row(2), labels.subarray(2, 3))).losses[0]!;
      };
      const found = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
      expect(Math.abs(found - slope) / slope, name).toBeLessThan(2e-3);
    }
  });

  test('cached hidden states of the frozen prefix give the same bits as tokens', async () => {
    const { engine } = engineWith(createReferenceOperations(), adapter);
    const wanted = await engine.gradients(batch, labels);
    const logits = await engine.logits(batch);
    const lowest = adapter.lora ? adapter.lora.layers[0]! : L;
    for (let layer = 0; layer <= L; layer++) {
      const cached = { hidden: await engine.hidden(batch, layer), offsets: batch.offsets, layer };
      if (layer <= lowest) {
        expect(await engine.gradients(cached, labels)).toEqual(wanted);
        expect(await engine.logits(cached)).toEqual(logits);
      } else {
        // Above an adapted layer its adapter would be left out.
        await expect(engine.logits(cached)).rejects.toThrow(/layer of the hidden states/);
        await expect(engine.gradients(cached, labels)).rejects.toThrow(/layer of the hidden states/);
      }
    }
  });

  test('releases every buffer once, also where an operation fails', async () => {
    const counted = countBuffers(createReferenceOperations());
    let failing: 'never' | 'layerNorm' | 'attentionBackward' = 'never';
    const fail = () => new RangeError('out of memory');
    const { engine } = engineWith(
      {
        ...counted.operations,
        layerNorm: (layer, ...rest) => {
          if (failing === 'layerNorm' && layer === 1) throw fail();
          return counted.operations.layerNorm(layer, ...rest);
        },
        attentionBackward: (...rest) => {
          if (failing === 'attentionBackward') throw fail();
          return counted.operations.attentionBackward(...rest);
        },
      },
      adapter,
      6,
    );
    const hidden = await engine.hidden(batch, 1);
    await engine.encode(batch, [0, L]);
    await engine.encode({ hidden, offsets: batch.offsets, layer: 1 }, [1, 2]);
    await engine.logits(batch);
    await engine.gradients(batch, labels);
    // Theta alone.
    expect(counted.live.count).toBe(1);
    failing = 'layerNorm';
    await expect(engine.logits(batch)).rejects.toThrow('out of memory');
    expect(counted.live.count).toBe(1);
    failing = 'attentionBackward';
    if (adapter.lora) await expect(engine.gradients(batch, labels)).rejects.toThrow('out of memory');
    expect(counted.live.count).toBe(1);
    engine.configure(headOnly);
    expect(counted.live.count).toBe(1);
    engine.dispose();
    expect(counted.live.count).toBe(0);
  });
});

describe('backward pass', () => {
  test('a head alone needs none of the encoder', async () => {
    const { calls, watched } = spied(createReferenceOperations());
    await engineWith(watched, headOnly).engine.gradients(batch, labels);
    expect(calls).toEqual([]);
  });

  test('stops at the query-key-value map of the lowest adapted layer', async () => {
    const top = spied(createReferenceOperations());
    await engineWith(top.watched, topLayer).engine.gradients(batch, labels);
    expect(top.calls).toEqual(['meanPoolBackward', 'linearBackward 1 output', 'linearBackward 1 intermediate', 'linearBackward 1 attentionOutput']);
    const every = spied(createReferenceOperations());
    await engineWith(every.watched, everyLayer).engine.gradients(batch, labels);
    expect(every.calls.filter((call) => call.includes('queryKeyValue'))).toEqual(['linearBackward 1 queryKeyValue']);
  });
});

describe('adapters', () => {
  test('with B = 0 change nothing', async () => {
    const { engine, layout } = engineWith(createReferenceOperations(), everyLayer);
    const theta = caseValues(layout.length, 42, 0.2);
    for (const { name, offset, length } of layout.entries) if (name.endsWith('lora_B.weight')) theta.fill(0, offset, offset + length);
    engine.setParameters(theta);
    const adapted = await engine.logits(batch);
    const head = layout.entries.find(({ name }) => name === 'classifier.weight')!;
    engine.configure(headOnly);
    engine.setParameters(theta.slice(head.offset));
    expect(adapted).toEqual(await engine.logits(batch));
  });

  test('leave encode and hidden as they are', async () => {
    const plain = createEngine(createReferenceOperations(), weights);
    const { engine } = engineWith(createReferenceOperations(), everyLayer);
    expect(await engine.encode(batch, [2])).toEqual(await plain.encode(batch, [2]));
    expect(await engine.hidden(batch, 2)).toEqual(await plain.hidden(batch, 2));
  });
});

describe('encode', () => {
  test('gives layers in the order asked for, repeated ones too, each the mean of its hidden states', async () => {
    const engine = createEngine(createReferenceOperations(), weights, { maximumTokens: 5 });
    const found = await engine.encode(batch, [2, 0, 2]);
    for (const [place, layer] of [2, 0, 2].entries()) {
      const hidden = await engine.hidden(batch, layer);
      for (const b of lengths.keys()) {
        for (let d = 0; d < D; d++) {
          let sum = 0;
          for (let t = batch.offsets[b]!; t < batch.offsets[b + 1]!; t++) sum += hidden[t * D + d]!;
          expect(found[(b * 3 + place) * D + d]).toBeCloseTo(sum / lengths[b]!, 6);
        }
      }
    }
  });

  test('refuses layers below the hidden states given', async () => {
    const engine = createEngine(createReferenceOperations(), weights);
    const hidden = await engine.hidden(batch, 1);
    await expect(engine.encode({ hidden, offsets: batch.offsets, layer: 1 }, [0])).rejects.toThrow(/encoded layer must be a whole number from 1 to 2, found 0/);
  });
});

describe('refuses', () => {
  const { engine } = engineWith(createReferenceOperations(), headOnly);
  test.each<[string, TokenBatch, RegExp]>([
    ['an id outside the vocabulary', { ids: Int32Array.of(V), offsets: Int32Array.of(0, 1) }, /token id/],
    ['a negative id', { ids: Int32Array.of(-1), offsets: Int32Array.of(0, 1) }, /token id/],
    ['a row without tokens', { ids: Int32Array.of(1), offsets: Int32Array.of(0, 0, 1) }, /row 0 has at least one token/],
    ['offsets that leave tokens out', { ids: Int32Array.of(1, 2), offsets: Int32Array.of(0, 1) }, /offsets run from 0/],
    ['a row longer than there are positions', rows([maximumPositions + 1]), /tokens of row 0/],
  ])('%s', async (_name, input, message) => {
    await expect(engine.logits(input)).rejects.toThrow(message);
  });
  test('a label that is no class', async () => {
    await expect(engine.gradients(batch, Int32Array.of(0, 1, 2, 3))).rejects.toThrow(/label/);
  });
  test('parameters of another layout', () => {
    expect(() => engine.setParameters(new Float32Array(5))).toThrow(/theta has the 99 values/);
  });
  test('logits before a head is configured', async () => {
    await expect(createEngine(createReferenceOperations(), weights).logits(batch)).rejects.toThrow(/configured/);
  });
});
