import { getContext, setContext } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

/** The number fields of a form that hold something that does not fit: what they stand for is not what would be used. */
export class FieldFaults {
  readonly #labels = new SvelteMap<string, string>();
  readonly #focus = new Map<string, () => void>();

  /** Labels of the fields at fault, in the order in which they became so. */
  get labels(): readonly string[] { return [...this.#labels.values()]; }
  get isAny(): boolean { return this.#labels.size > 0; }

  add(id: string, label: string, focus: () => void): void {
    this.#labels.set(id, label);
    this.#focus.set(id, focus);
  }

  remove(id: string): void {
    this.#labels.delete(id);
    this.#focus.delete(id);
  }

  /** Brings the reader to the first field at fault. */
  focusFirst(): void {
    for (const id of this.#labels.keys()) return this.#focus.get(id)?.();
  }
}

const key = Symbol('field faults');

/** The number fields below tell their faults here. */
export function provideFaults(): FieldFaults {
  return setContext(key, new FieldFaults());
}

export function useFaults(): FieldFaults | undefined {
  return getContext<FieldFaults | undefined>(key);
}
