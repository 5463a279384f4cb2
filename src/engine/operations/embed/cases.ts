import { type CaseModel, type OperationCase, caseShape, offsetsOf } from '../operation-case.ts';

const settings: readonly { readonly name: string; readonly model: CaseModel; readonly lengths: readonly number[] }[] = [
  { name: 'one token', model: 'nano', lengths: [1] },
  { name: 'ragged rows', model: 'odd', lengths: [1, 7, 3, 16] },
  { name: 'the longest row that has positions', model: 'nano', lengths: [160, 2] },
  { name: 'MiniLM width', model: 'miniLm', lengths: [33, 20] },
];

export const embedCases: readonly OperationCase[] = settings.map(({ name, model, lengths }) => ({
  operation: 'embed',
  name,
  model,
  tolerance: 1e-5,
  reason: 'a sum of three float32 values and a layer norm over at most 384: a few times sqrt(384) x 6e-8',
  run(operations, buffers) {
    const { width, vocabularySize } = caseShape(model);
    const offsets = offsetsOf(lengths);
    // 37 and 61 have no common factor, so every id of the vocabulary comes up, the last one too.
    const ids = Int32Array.from({ length: offsets.at(-1)! }, (_, t) => (t * 37 + vocabularySize - 1) % vocabularySize);
    buffers.output(operations.embed(ids, buffers.sequences(offsets)), ids.length * width);
  },
}));
