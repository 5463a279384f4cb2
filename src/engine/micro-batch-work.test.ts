import { describe, expect, it } from 'vitest';
import { createEngine } from './bert.ts';
import { nanoModel } from './model/nano.ts';
import type { Operations } from './operations/operations.ts';
import { caseValues } from './operations/operation-case.ts';
import { createReferenceOperations } from './reference/reference-operations.ts';

const { weights } = nanoModel(11);
const input = { ids: Int32Array.from({ length: 12 }, (_, t) => 5 + t), offsets: Int32Array.of(0, 3, 7, 8, 12) };
const adapter = { classes: 3, lora: { rank: 2, alpha: 4, targets: ['query'], layers: [0, 1] } } as const;

/** An engine of a row a micro-batch over the reference, with operations replaced. */
function engineOver(plant: (good: Operations<Float32Array>) => Partial<Operations<Float32Array>> = () => ({})) {
  const good = createReferenceOperations();
  const engine = createEngine({ ...good, ...plant(good) }, weights, { maximumRows: 1 });
  engine.setParameters(caseValues(engine.configure(adapter).length, 3, 0.2));
  return engine;
}

/** Until nothing goes on any more without an answer from outside. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

describe.each([
  { call: 'encode', reads: 1, run: (engine: ReturnType<typeof engineOver>) => engine.encode(input, [2]) },
  { call: 'encode with several layers', reads: 2, run: (engine: ReturnType<typeof engineOver>) => engine.encode(input, [2, 1]) },
  { call: 'logits', reads: 1, run: (engine: ReturnType<typeof engineOver>) => engine.logits(input) },
])('$call', ({ reads: readsEach, run }) => {
  it('gives the device a micro-batch before the one before it has been read, and no more than that', async () => {
    const happened: string[] = [];
    const answers: (() => void)[] = [];
    const found = run(engineOver((good) => ({
      embed: (ids, sequences) => {
        happened.push('begun');
        return good.embed(ids, sequences);
      },
      async download(buffer, length) {
        const values = await good.download(buffer, length);
        await new Promise<void>((resolve) => answers.push(resolve));
        happened.push('read');
        return values;
      },
    })));
    await settled();
    expect(happened).toEqual(['begun', 'begun']);
    for (let answered = 0; answered < 4 * readsEach; answered++) {
      answers[answered]!();
      await settled();
    }
    const read = new Array<string>(readsEach).fill('read');
    expect(happened).toEqual(['begun', 'begun', ...read, 'begun', ...read, 'begun', ...read, ...read]);
    expect(await found).toEqual(await run(engineOver()));
  });

  it.each([0, 1, 3])('fails where read number %i does', async (failing) => {
    let reads = 0;
    const engine = engineOver((good) => ({ download: (buffer, length) => (reads++ === failing ? Promise.reject(new RangeError('lost')) : good.download(buffer, length)) }));
    await expect(run(engine)).rejects.toThrow('lost');
  });
});

it('features are counted as they are read, and a listener that throws hears no more', async () => {
  const heard: number[] = [];
  const engine = engineOver();
  await engine.encode(input, [2], async (done) => void heard.push(done));
  expect(heard).toEqual([1, 2, 3, 4]);
  const stopping = engine.encode(input, [2], async (done) => {
    heard.push(done);
    if (done === 2) throw new RangeError('enough');
  });
  await expect(stopping).rejects.toThrow('enough');
  await settled();
  expect(heard).toEqual([1, 2, 3, 4, 1, 2]);
});
