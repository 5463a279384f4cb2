import type { CoreWords } from './en.ts';

/** What disagreed with plain arithmetic, in words; with the layer of the model where it began, where one is known. */
export function failedCheckWords(codes: Pick<CoreWords['codes'], 'operations' | 'fromLayer'>, { operation, layer }: { readonly operation: string; readonly layer?: number }): string {
  const name = codes.operations[operation] ?? operation;
  return layer === undefined ? name : codes.fromLayer(name, layer);
}
