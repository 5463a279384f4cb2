import { type CaseModel, type OperationCase, caseShape, caseValues, offsetsOf } from '../operation-case.ts';

const settings: readonly { readonly name: string; readonly model: CaseModel; readonly lengths: readonly number[] }[] = [
  { name: 'one token', model: 'nano', lengths: [1] },
  { name: 'ragged rows', model: 'odd', lengths: [1, 7, 3, 12] },
  { name: 'many rows', model: 'nano', lengths: Array.from({ length: 70 }, (_, row) => 1 + (row % 5)) },
  { name: 'MiniLM width, long and short', model: 'miniLm', lengths: [130, 1, 33] },
];

const tolerance = 5e-6;
const reason = 'a float32 sum of up to 130 values: sqrt(130) x 6e-8, with room for 7';

export const meanPoolCases: readonly OperationCase[] = settings.map(({ name, model, lengths }, seed) => ({
  operation: 'meanPool',
  name,
  model,
  tolerance,
  reason,
  run(operations, buffers) {
    const { width } = caseShape(model);
    const offsets = offsetsOf(lengths);
    const x = buffers.input(caseValues(offsets.at(-1)! * width, 1000 + seed));
    buffers.output(operations.meanPool(x, buffers.sequences(offsets)), lengths.length * width);
  },
}));

export const meanPoolBackwardCases: readonly OperationCase[] = settings.map(({ name, model, lengths }, seed) => ({
  operation: 'meanPoolBackward',
  name,
  model,
  tolerance: 1e-6,
  reason: 'one float32 division or multiplication by a reciprocal: two units in the last place',
  run(operations, buffers) {
    const { width } = caseShape(model);
    const offsets = offsetsOf(lengths);
    const dPooled = buffers.input(caseValues(lengths.length * width, 1010 + seed));
    buffers.output(operations.meanPoolBackward(dPooled, buffers.sequences(offsets)), offsets.at(-1)! * width);
  },
}));
