/** JSON for records that hold float arrays and infinities, which plain JSON loses. */
const arrayTag = '$float32';
const numberTag = '$number';

function isTagged(value: unknown, tag: string): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 1 && tag in value && typeof Object.values(value)[0] === 'string';
}

function toBase64(array: Float32Array): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  // Argument lists have a limit.
  for (let start = 0; start < bytes.length; start += 0x8000) text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(text);
}

function fromBase64(text: string): Float32Array {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

export function toTaggedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item instanceof Float32Array) return { [arrayTag]: toBase64(item) };
    if (typeof item === 'number' && !Number.isFinite(item)) return { [numberTag]: String(item) };
    return item;
  });
}

export function fromTaggedJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => {
    if (isTagged(item, arrayTag)) return fromBase64(item[arrayTag]!);
    if (isTagged(item, numberTag)) return Number(item[numberTag]);
    return item;
  });
}
