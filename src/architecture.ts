/** The layers of the source tree as data; `architecture.test.ts` holds every import to it. */
export interface Layer {
  readonly name: string;
  /** What the layer knows. */
  readonly knows: string;
  /** Layers whose modules it may import. */
  readonly mayImport: readonly string[];
  /** Layers of which it may import types only. */
  readonly mayImportTypesOf?: readonly string[];
  /** Single files beside these layers. */
  readonly mayImportFiles?: readonly string[];
  /** Packages it may import at run time. */
  readonly packages?: readonly string[];
  /** Browser globals it may touch; a layer that names none is type-checked without DOM types. */
  readonly globals: readonly string[];
}

const calculation = ['ground', 'privacy', 'fairness', 'metrics', 'energy', 'data'] as const;

export const layers: readonly Layer[] = [
  { name: 'ground', knows: 'numbers: special functions, statistics, random streams with the key passed in, errors, checks', mayImport: [], globals: [] },
  { name: 'privacy', knows: 'sampling, clipping rule, noise, accountants, ledger of events', mayImport: ['ground'], packages: ['@noble/hashes'], globals: [] },
  { name: 'fairness', knows: 'group metrics, weights and thresholds that even them out', mayImport: ['ground'], globals: [] },
  { name: 'metrics', knows: 'classification and calibration scores', mayImport: ['ground'], globals: [] },
  { name: 'energy', knows: 'the energy estimator', mayImport: ['ground'], globals: [] },
  { name: 'data', knows: 'parsing, quality, splits, the built-in sample', mayImport: ['ground'], packages: ['papaparse'], globals: [] },
  {
    name: 'engine',
    knows: 'one Engine interface, its backends, a reference twin of each operation, quantized BERT, adapters, optimizers, tokenizer, safetensors',
    mayImport: ['ground'],
    packages: ['@huggingface/tokenizers', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'],
    globals: ['the GPU, in engine/webgpu/device.ts', 'WebAssembly, in engine/wasm/module.ts'],
  },
  { name: 'training', knows: 'plan, session, evaluation, checkpoint, export', mayImport: [...calculation, 'engine'], packages: ['fflate', '@noble/hashes'], globals: [] },
  { name: 'federation', knows: 'the wire protocol and the node; receives privatised updates only', mayImport: ['ground', 'privacy'], globals: ['fetch, in one file'] },
  {
    name: 'shell',
    knows: 'workers, IndexedDB, files, capabilities',
    mayImport: [...calculation, 'engine', 'training', 'federation'],
    mayImportTypesOf: ['state'],
    packages: ['idb', 'comlink', 'fflate', '@noble/hashes'],
    globals: ['workers', 'storage', 'fetch', 'crypto'],
  },
  { name: 'state', knows: 'rune classes; receives services', mayImport: ['ground', 'energy'], mayImportTypesOf: ['shell', 'training', 'engine', 'data', 'metrics', 'fairness', 'privacy'], packages: ['svelte'], globals: [] },
  {
    name: 'ui',
    knows: 'Svelte components, pages, charts, words in every language',
    mayImport: ['state', 'ground'],
    mayImportFiles: ['privacy/doors.ts'],
    mayImportTypesOf: ['shell', 'training', 'engine', 'data', 'metrics', 'fairness', 'energy', 'privacy'],
    packages: ['svelte'],
    globals: ['DOM'],
  },
  { name: 'cli', knows: 'command lines over training, and the reference values, in Node', mayImport: [...calculation, 'engine', 'training', 'federation'], packages: ['node'], globals: ['Node'] },
];
