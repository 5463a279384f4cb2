import { createEngine } from '../engine/bert.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import type { Backend } from './backend.ts';

/** The definitions themselves, some hundred times slower than the kernels: for a device whose WebAssembly kernels disagree with them. */
export function openReference(): Backend {
  return {
    name: 'reference',
    device: createReferenceOperations().device,
    isSoftware: false,
    // Nothing to compare them with.
    check: () => Promise.resolve([]),
    engine: (weights, rest) => Promise.resolve(createEngine(createReferenceOperations(), weights, { rest })),
    leaveRoom: () => undefined,
    // Left to the garbage collector; no speed of it is measured either.
    memoryBytes: 0,
    close: () => undefined,
  };
}
