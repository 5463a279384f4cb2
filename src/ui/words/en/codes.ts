import { format as f, plural } from './locale.ts';

type Values = Readonly<Record<string, number | string>>;
const number = (values: Values, name: string): number => Number(values[name] ?? 0);

/** Words for codes that come from behind the boundary. An unknown code falls back to what the error says itself. */
export const codes = {
  /** English errors carry their own words; other languages translate by code. */
  errors: {} as Readonly<Record<string, (values: Values) => { readonly message: string; readonly hint: string }>>,
  rowProblems: {
    'column-count': (v: Values) => ({ problem: `${plural(number(v, 'found'), 'column', 'columns')}, the header has ${f.count(number(v, 'expected'))}`, fix: number(v, 'found') > number(v, 'expected') ? 'Check for an unquoted separator.' : 'Check for a missing separator.' }),
    'unclosed-quote': (v: Values) => ({ problem: 'a quote opens and never closes', fix: number(v, 'lastRow') > 0 ? `Add a closing quote; rows up to ${f.count(number(v, 'lastRow'))} are inside it.` : 'Add a closing quote.' }),
    'invalid-json': () => ({ problem: 'not a JSON object', fix: 'Write one JSON object a line.' }),
    'empty-text': () => ({ problem: 'no text', fix: 'Fill in the text, or leave the row out.' }),
    'missing-label': () => ({ problem: 'no label', fix: 'Fill in the label, or leave the row out.' }),
    duplicate: (v: Values) => ({ problem: number(v, 'firstRow') > 0 ? `the same text as row ${f.count(number(v, 'firstRow'))}` : 'the same text as an earlier row', fix: 'Nothing; it is kept once.' }),
    undecodable: () => ({ problem: 'bytes that the encoding does not know', fix: 'Save the file as UTF-8.' }),
  },
  columnReasons: {
    'longest-text': () => 'the longest text',
    'text-name': () => 'the header says text',
    'label-name': (_: Values, distinct: number) => `the header says label${distinct > 0 ? `; ${plural(distinct, 'different value', 'different values')}` : ''}`,
    'few-values': (_: Values, distinct: number) => plural(distinct, 'different value', 'different values'),
    'many-rows-per-value': (_: Values, distinct: number) => `${plural(distinct, 'different value', 'different values')}, several rows each`,
    'group-name': (_: Values, distinct: number) => `named like a group, ${plural(distinct, 'value', 'values')}; for fairness only`,
    number: () => 'numbers',
    date: () => 'dates',
    other: () => 'nothing speaks for a use',
  } as Readonly<Record<string, (values: Values, distinct: number) => string>>,
  encodings: { 'utf-8': 'UTF-8', 'utf-16le': 'UTF-16 (LE)', 'utf-16be': 'UTF-16 (BE)', gb18030: 'GB18030 (GBK)', 'windows-1252': 'Windows-1252' },
  /** Builds that are no graphics chip's own name. */
  devices: {
    'WebAssembly, relaxed SIMD': 'WebAssembly, relaxed SIMD',
    'WebAssembly, SIMD': 'WebAssembly, SIMD',
    TypeScript: 'plain arithmetic',
  } as Readonly<Record<string, string>>,
  withWorkers: (device: string, workers: number) => `${device}, ${f.count(workers)} workers`,
  deviceReasons: {
    'webgpu-passed': 'The graphics chip passed its self-check.',
    'no-webgpu': 'This browser offers no graphics chip for computing, so the processor is used.',
    'webgpu-mismatch': 'The graphics chip disagreed with plain arithmetic, so the processor is used.',
    'wasm-mismatch': 'The fast program for the processor disagreed with plain arithmetic, so plain arithmetic is used: right, and many times slower. Another browser may do better.',
    'software-adapter': 'The graphics chip is only imitated in software here, so the processor is used.',
    chosen: 'Chosen by you.',
    'webgpu-failed': 'The graphics chip could not be used, so the processor is used.',
    'device-lost': 'The graphics chip stopped answering, so the processor is used.',
  } as Readonly<Record<string, string>>,
  operations: {
    embed: 'Embeddings',
    linear: 'int8 matrix product',
    linearRounded: 'int8 matrix product, rounded inputs',
    linearBackward: 'int8 matrix product, backward',
    attention: 'Attention',
    attentionBackward: 'Attention, backward',
    layerNorm: 'Layer norm',
    layerNormBackward: 'Layer norm, backward',
    gelu: 'GELU',
    geluBackward: 'GELU, backward',
    clippedSums: 'Clipped sum',
    keepHalves: 'Kept activations in half the memory',
    addLora: 'Adapters',
    loraBackward: 'Adapters, backward',
    meanPool: 'Mean of the word pieces',
    meanPoolBackward: 'Mean of the word pieces, backward',
    headLogits: 'Last layer',
    headBackward: 'Last layer, backward',
    upload: 'Copying to the device and back',
    zeros: 'Empty memory',
    'dense.embed': 'Whole layers: embeddings',
    'dense.embedBackward': 'Whole layers: embeddings, backward',
    'dense.linear': 'Whole layers: matrix product',
    'dense.linearBackward': 'Whole layers: matrix product, backward',
    'dense.linearGradient': 'Whole layers: gradient of a matrix',
    'dense.norm': 'Whole layers: layer norm',
    'dense.normBackward': 'Whole layers: layer norm, backward',
    'dense.crossEntropy': 'Whole layers: loss',
    bertGradient: 'Gradients of a whole small model',
    goldenOutputs: 'This model, known outputs',
    goldenLosses: 'This model, known losses',
    goldenGradients: 'This model, known gradients',
  } as Readonly<Record<string, string>>,
  /** What disagreed, and the first layer of the model where it did. */
  fromLayer: (operation: string, layer: number) => (layer === 0 ? `${operation}, from the embeddings on` : `${operation}, from layer ${layer} on`),
};
