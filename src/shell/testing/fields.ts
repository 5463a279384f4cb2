/** What a thing tells, field by field: for tests that hold every field to a list. */

/** The paths of all fields, each once and in order; positions left out. */
export function fieldsOf(value: unknown): readonly string[] {
  const walk = (item: unknown, path: string): readonly string[] => {
    if (Array.isArray(item)) return item.flatMap((one) => walk(one, `${path}[]`));
    if (typeof item !== 'object' || item === null || ArrayBuffer.isView(item)) return [path];
    return Object.entries(item).flatMap(([name, one]) => walk(one, path === '' ? name : `${path}.${name}`));
  };
  return [...new Set(walk(value, ''))].sort();
}

/** Every number, word and switch in a thing, by path. */
export function* leaves(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) yield path;
  else for (const [name, item] of Object.entries(value)) yield* leaves(item, [...path, name]);
}

/** Replaces what stands at a path by something else of its kind. */
export function spoil(thing: object, path: readonly string[]): void {
  const parent = path.slice(0, -1).reduce<object>((at, name) => {
    const next: unknown = Reflect.get(at, name);
    if (typeof next !== 'object' || next === null) throw new Error(path.join(' '));
    return next;
  }, thing);
  const name = path.at(-1)!;
  const value: unknown = Reflect.get(parent, name);
  Reflect.set(parent, name, typeof value === 'number' ? value + 1000.5 : typeof value === 'string' ? `${value} SPOILT` : typeof value === 'boolean' ? !value : 1234.5);
}
