import { caseShape, caseValues, type CaseBuffers, type CaseModel, type OperationCase, offsetsOf } from '../operation-case.ts';
import type { Operations } from '../operations.ts';
import type { DenseMap } from './contract.ts';

const sums = { tolerance: 2e-5, reason: 'a float32 sum of up to 1536 products in any order, as of `linear`: about sqrt(1536) x 6e-8 of the largest term, with room for 8' };
const norms = { tolerance: 2e-5, reason: 'float32 mean, variance and column sums over at most 384 numbers: a few times sqrt(384) x 6e-8' };

interface MapSetting {
  readonly model: CaseModel;
  readonly rows: number;
  readonly K: number;
  readonly N: number;
  readonly hasResidual: boolean;
  readonly scale?: number;
}

const maps: readonly MapSetting[] = [
  { model: 'nano', rows: 1, K: 32, N: 96, hasResidual: false },
  { model: 'nano', rows: 3, K: 32, N: 5, hasResidual: false },
  { model: 'odd', rows: 5, K: 80, N: 48, hasResidual: true },
  { model: 'odd', rows: 7, K: 48, N: 2, hasResidual: true },
  { model: 'wideHeads', rows: 67, K: 128, N: 512, hasResidual: false },
  { model: 'miniLm', rows: 19, K: 1536, N: 384, hasResidual: true },
  { model: 'nano', rows: 3, K: 32, N: 64, hasResidual: true, scale: 1e6 },
  { model: 'nano', rows: 9, K: 32, N: 64, hasResidual: false, scale: 0 },
];

const nameOf = ({ rows, K, N, hasResidual, scale }: MapSetting) => `${rows} x ${K} to ${N}${hasResidual ? ', residual' : ''}${scale === undefined ? '' : `, values x ${scale}`}`;

function mapCase(operation: string, setting: MapSetting, run: <Buffer>(operations: Operations<Buffer>, buffers: CaseBuffers<Buffer>, parts: { map: DenseMap; theta: Buffer; x: Buffer; dy: Buffer; length: number }) => void, seed: number): OperationCase {
  return {
    operation, name: nameOf(setting), model: setting.model, ...sums,
    run(operations, buffers) {
      const { rows, K, N, scale = 1 } = setting;
      // Neither weight nor bias at the start of theta.
      const map = { inputWidth: K, outputWidth: N, offsetWeight: 8, offsetBias: 8 + N * K + 3 };
      const length = map.offsetBias + N + 2;
      const input = (count: number, at: number) => buffers.input(caseValues(count, at + seed, scale));
      run(operations, buffers, { map, theta: buffers.input(caseValues(length, 900 + seed)), x: input(rows * K, 920), dy: input(rows * N, 940), length });
    },
  };
}

const linearCases = maps.flatMap((setting, seed) => {
  const { rows, K, N, hasResidual } = setting;
  const residual = <Buffer>(buffers: CaseBuffers<Buffer>, length: number) => (hasResidual ? buffers.input(caseValues(length, 960 + seed, setting.scale)) : undefined);
  return [
    mapCase('dense.linear', setting, (operations, buffers, { map, theta, x }) => void buffers.output(operations.dense.linear(x, theta, map, rows, residual(buffers, rows * N)), rows * N), seed),
    mapCase('dense.linearBackward', setting, (operations, buffers, { map, theta, dy }) => void buffers.output(operations.dense.linearBackward(dy, theta, map, rows, residual(buffers, rows * K)), rows * K), seed),
    mapCase('dense.linearGradient', setting, (operations, buffers, { map, theta, x, dy, length }) => {
      // Into what is there already.
      operations.dense.linearGradient(x, dy, map, theta, rows);
      buffers.output(theta, length);
    }, seed),
  ];
});

const normSettings = [
  { model: 'nano', rows: 1, deviation: 1 },
  { model: 'odd', rows: 5, deviation: 1 },
  { model: 'miniLm', rows: 130, deviation: 1 },
  { model: 'nano', rows: 3, deviation: 1e6 },
] as const;

const normCases = normSettings.flatMap(({ model, rows, deviation }, seed): OperationCase[] => {
  const { width, layerNormEpsilon: epsilon } = caseShape(model);
  const norm = { width, epsilon, offsetWeight: 4, offsetBias: 4 + width };
  const length = 2 * width + 8;
  const parts = <Buffer>(buffers: CaseBuffers<Buffer>) => ({ theta: buffers.input(caseValues(length, 1000 + seed)), x: buffers.input(caseValues(rows * width, 1010 + seed, deviation)) });
  const name = `${rows} rows of ${width}, values x ${deviation}`;
  return [
    {
      operation: 'dense.norm', name, model, ...norms,
      run(operations, buffers) {
        const { theta, x } = parts(buffers);
        buffers.output(operations.dense.norm(x, theta, norm, rows), rows * width);
      },
    },
    {
      operation: 'dense.normBackward', name, model, ...norms,
      run(operations, buffers) {
        const { theta, x } = parts(buffers);
        const [dy, gradient] = [buffers.input(caseValues(rows * width, 1020 + seed)), buffers.input(caseValues(length, 1030 + seed))];
        buffers.output(operations.dense.normBackward(dy, x, theta, norm, gradient, rows), rows * width);
        buffers.output(gradient, length);
      },
    },
  ];
});

const rowLengths = [[1], [3, 1, 7], [40, 2]];

const embedCases = rowLengths.flatMap((lengths, seed): OperationCase[] => {
  const model = 'odd';
  const { width, vocabularySize, maximumPositions } = caseShape(model);
  const offsetPositions = vocabularySize * width;
  const offsetTokenTypes = offsetPositions + maximumPositions * width;
  const tables = { width, offsetWords: 0, offsetPositions, offsetTokenTypes: seed === 1 ? null : offsetTokenTypes };
  const length = offsetTokenTypes + 2 * width;
  const offsets = offsetsOf(lengths);
  const tokens = offsets.at(-1)!;
  // Some words stand more than once.
  const ids = Int32Array.from({ length: tokens }, (_, t) => (t * t * 7) % vocabularySize);
  const name = `rows of ${lengths.join(', ')} tokens${seed === 1 ? ', no token types' : ''}`;
  return [
    {
      operation: 'dense.embed', name, model, ...norms,
      run(operations, buffers) {
        buffers.output(operations.dense.embed(ids, buffers.sequences(offsets), buffers.input(caseValues(length, 1040)), tables), tokens * width);
      },
    },
    {
      operation: 'dense.embedBackward', name, model, ...norms,
      run(operations, buffers) {
        const [dy, gradient] = [buffers.input(caseValues(tokens * width, 1050 + seed)), buffers.input(caseValues(length, 1060))];
        operations.dense.embedBackward(ids, buffers.sequences(offsets), dy, tables, gradient);
        buffers.output(gradient, length);
      },
    },
  ];
});

const crossEntropyCases = [{ rows: 1, classes: 2, deviation: 1 }, { rows: 9, classes: 77, deviation: 3 }, { rows: 3, classes: 4, deviation: 1e3 }].map(({ rows, classes, deviation }, seed): OperationCase => ({
  operation: 'dense.crossEntropy', name: `${rows} rows, ${classes} classes, logits x ${deviation}`, model: 'nano',
  tolerance: 1e-5, reason: 'a float32 sum of at most 77 exponentials and one logarithm',
  run(operations, buffers) {
    const { losses, dLogits } = operations.dense.crossEntropy(buffers.input(caseValues(rows * classes, 1070 + seed, deviation)), Int32Array.from({ length: rows }, (_, b) => (b * 5) % classes), classes, rows);
    buffers.output(losses, rows);
    buffers.output(dLogits, rows * classes);
  },
}));

export const denseCases: readonly OperationCase[] = [...linearCases, ...normCases, ...embedCases, ...crossEntropyCases];
