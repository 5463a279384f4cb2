import { describe, expect, test } from 'vitest';
import { operationCases } from './operations/cases.ts';
import { caseShape } from './operations/operation-case.ts';
import type { Operations } from './operations/operations.ts';
import { createReferenceOperations } from './reference/reference-operations.ts';
import { gradientCheck, roundedCheck, selfCheck } from './self-check.ts';

type Reference = Operations<Float32Array>;

/** The reference with some operations replaced. */
function planted(plant: (good: Reference) => Partial<Reference>): () => Reference {
  return () => {
    const good = createReferenceOperations();
    return { ...good, ...plant(good) };
  };
}

/** Without the full-size layer, which only costs time here. */
const smallCases = operationCases.filter((one) => one.model === 'nano' || one.model === 'odd');

async function failed(createOperations: () => Reference): Promise<string[]> {
  return (await selfCheck(createOperations, smallCases)).filter((check) => !check.passed).map((check) => check.operation);
}

const scaled = (values: Float32Array, factor: number) => values.map((value) => value * factor);

describe('self-check', () => {
  test('names every operation and the gradient, and passes the reference with error 0', async () => {
    const checks = await selfCheck(createReferenceOperations);
    const uncomputed = new Set(['load', 'download', 'release', 'sequences', 'releaseSequences', 'write', 'steps', 'dense', 'dispose', 'backend', 'device']);
    const reference = createReferenceOperations();
    const operations = [...Object.keys(reference), ...Object.keys(reference.dense).map((name) => `dense.${name}`)].filter((name) => !uncomputed.has(name));
    expect(checks.map((check) => check.operation).sort()).toEqual([...operations, gradientCheck].sort());
    for (const check of checks) expect(check).toMatchObject({ backend: 'reference', passed: true });
    // Micro-batches of the gradient give the same numbers bit for bit, so even that error is 0.
    expect(Math.max(...checks.map((check) => check.worstError))).toBe(0);
  });

  test.each<[string, (good: Reference) => Partial<Reference>]>([
    ['linear', (good) => ({ linear: (layer, name, x, tokens) => good.linear(layer, name, x, tokens) })],
    ['linearBackward', (good) => ({ linearBackward: (layer, name, dy, tokens, residual) => scaled(good.linearBackward(layer, name, dy, tokens, residual), 1.0001) })],
    ['layerNorm', (good) => ({ layerNorm: (layer, _name, x, tokens) => good.layerNorm(layer, 'attentionNorm', x, tokens) })],
    ['layerNormBackward', () => ({ layerNormBackward: (_layer, _name, dy) => dy })],
    // The tanh form of GELU, within 5e-4 of the exact one.
    ['gelu', () => ({ gelu: (x) => x.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))) })],
    ['geluBackward', () => ({ geluBackward: (dy, x) => dy.map((d, i) => (x[i]! > 0 ? d : 0)) })],
    // Attends across rows, as padding without a mask would.
    ['attention', (good) => ({ attention: (qkv, { offsets }) => good.attention(qkv, good.sequences(Int32Array.of(0, offsets.at(-1)!))) })],
    ['attentionBackward', (good) => ({ attentionBackward: (qkv, _context, dContext, sequences) => good.attentionBackward(qkv, dContext, dContext, sequences) })],
    ['addLora', (good) => ({ addLora: (x, theta, [first, ...rest], y, tokens) => good.addLora(x, theta, [{ ...first, scaling: 1 }, ...rest], y, tokens) })],
    ['loraBackward', (good) => ({ loraBackward: (x, u, dy, theta, pairs, gradients, parameters, sequences) => good.loraBackward(x, u, dy, theta, pairs, gradients, parameters, sequences) })],
    ['meanPool', (good) => ({ meanPool: (x, sequences) => scaled(good.meanPool(x, sequences), 2) })],
    ['meanPoolBackward', (good) => ({ meanPoolBackward: (dPooled, sequences) => scaled(good.meanPoolBackward(dPooled, sequences), 1.001) })],
    ['headLogits', (good) => ({ headLogits: (pooled, theta, weight, _bias, classes, rows) => good.headLogits(pooled, theta, weight, 0, classes, rows) })],
    ['headBackward', (good) => ({
      headBackward: (pooled, logits, _labels, theta, weight, bias, classes, gradients, parameters, rows) =>
        good.headBackward(pooled, logits, new Int32Array(rows), theta, weight, bias, classes, gradients, parameters, rows),
    })],
    ['embed', (good) => ({ embed: (ids) => good.embed(ids, good.sequences(Int32Array.of(0, ids.length))) })],
    ['clippedSums', (good) => ({ clippedSums: (parameters, grid, rows) => good.clippedSums(parameters, { ...grid, sensitivity: 1.01 * grid.sensitivity }, rows) })],
    ['zeros', () => ({ zeros: (length) => new Float32Array(length).fill(1e-3) })],
  ])('catches a wrong %s', async (operation, plant) => {
    const found = await failed(planted(plant));
    expect(found).toContain(operation);
    // A GELU this close drowns in two layers, and so do a few stray thousandths.
    if (operation !== 'zeros' && operation !== 'gelu') expect(found).toContain(gradientCheck);
  });

  test('catches a kernel that leaves its output as it was', async () => {
    const { width } = caseShape('nano');
    expect(await failed(planted(() => ({ meanPool: (_x, { offsets }) => new Float32Array((offsets.length - 1) * width) })))).toContain('meanPool');
  });

  test('holds linear maps that round to a tolerance of their own, and catches one that is wrong only then', async () => {
    const rounding = (error: number) => planted((good) => {
      let isOn = false;
      return {
        roundInputs: (on) => void (isOn = on),
        linear: (...args) => (isOn ? scaled(good.linear(...args), 1 + error) : good.linear(...args)),
      };
    });
    const checked = async (error: number) => (await selfCheck(rounding(error), smallCases)).find(({ operation }) => operation === roundedCheck);
    expect(await checked(1e-4)).toMatchObject({ passed: true });
    expect(await checked(-2)).toMatchObject({ passed: false });
    expect(await failed(rounding(-2))).toEqual([roundedCheck]);
  });

  test('counts a backend that throws as one that disagrees', async () => {
    const found = await selfCheck(planted(() => ({ gelu: () => { throw new RangeError('memory'); } })), smallCases);
    expect(found.find((check) => check.operation === 'gelu')).toMatchObject({ passed: false, worstError: Infinity });
  });
});
