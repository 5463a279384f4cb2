import { bytesToHex, bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import type { ObjectTree } from './codec/messages.ts';
import { malformed, tooLarge } from './errors.ts';
import type { Sha256 } from './signing.ts';

/** Flower's objects: `<type> <ids of children, comma between> <length of body>`, a zero byte, the body. The id is the SHA-256 of all of it. */
export const objectTypes = ['Message', 'RecordDict', 'ArrayRecord', 'ConfigRecord', 'MetricRecord', 'Array', 'ArrayChunk'] as const;
export type ObjectType = (typeof objectTypes)[number];

export interface BuiltObject {
  readonly id: string;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly children: readonly BuiltObject[];
}

export interface ParsedObject {
  readonly children: readonly string[];
  readonly body: Uint8Array;
}

const MOST_CHILDREN = 256;
const LONGEST_HEAD = 32 + 65 * MOST_CHILDREN;
const OBJECT_ID = /^[0-9a-f]{64}$/;

/** An object over its children, each of which is named once, in the order of first mention. */
export async function buildObject(sha256: Sha256, type: ObjectType, children: readonly BuiltObject[], body: Uint8Array): Promise<BuiltObject> {
  const unique = [...new Map(children.map((child) => [child.id, child])).values()];
  const head = utf8ToBytes(`${type} ${unique.map(({ id }) => id).join(',')} ${body.length}\0`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return { id: bytesToHex(await sha256(content)), content, children: unique };
}

/** Children and body of an object of the type that is expected here. The body is a view. */
export function parseObject(content: Uint8Array, type: ObjectType): ParsedObject {
  const end = content.subarray(0, LONGEST_HEAD).indexOf(0);
  if (end < 0) throw malformed(type, 'no head');
  const head = headText(content.subarray(0, end), type);
  const match = /^([A-Za-z]+) ([0-9a-f,]*) (\d{1,10})$/.exec(head);
  if (match === null) throw malformed(type, 'a head of another form');
  const [, found, ids, length] = match;
  if (found !== type) throw malformed(type, objectTypes.some((known) => known === found) ? `a ${found}` : 'another type');
  const body = content.subarray(end + 1);
  if (body.length !== Number(length)) throw malformed(type, `${body.length} bytes where ${length} were announced`);
  const children = ids === '' ? [] : ids!.split(',');
  if (children.length > MOST_CHILDREN) throw tooLarge(`children of ${type}`, MOST_CHILDREN, children.length);
  if (!children.every((id) => OBJECT_ID.test(id))) throw malformed(type, 'a child that is no id');
  if (new Set(children).size !== children.length) throw malformed(type, 'a child named twice');
  return { children, body };
}

/** The type that an object built here names in its head. */
export function typeOf(content: Uint8Array): string {
  return headText(content.subarray(0, content.indexOf(0x20)), 'an object');
}

function headText(bytes: Uint8Array, type: string): string {
  try {
    return bytesToUtf8(bytes);
  } catch {
    throw malformed(type, 'a head that is no text');
  }
}

/** The ids under a tree, children before parents, each once; null where there are more than `most` of them. */
export function idsOfTree(tree: ObjectTree, most: number): readonly string[] | null {
  const ids = new Set<string>();
  let visits = 0;
  const walk = (branch: ObjectTree): boolean => {
    visits++;
    const isWithin = visits <= 4 * most && branch.children.every(walk);
    ids.add(branch.objectId);
    return isWithin && ids.size <= most;
  };
  return walk(tree) && [...ids].every((id) => OBJECT_ID.test(id)) ? [...ids] : null;
}

export function treeOf(object: BuiltObject): ObjectTree {
  return { objectId: object.id, children: object.children.map(treeOf) };
}

/** The contents of an object and everything under it, by id, children first. */
export function contentsOf(object: BuiltObject, into = new Map<string, Uint8Array<ArrayBuffer>>()): Map<string, Uint8Array<ArrayBuffer>> {
  for (const child of object.children) contentsOf(child, into);
  into.set(object.id, object.content);
  return into;
}

/** The objects of one message, each held to its hash, all together to a size. */
export class ObjectStore {
  readonly #contents = new Map<string, Uint8Array>();
  readonly #sha256: Sha256;
  readonly #limitBytes: number;
  #sizeBytes = 0;

  constructor(sha256: Sha256, limitBytes: number) {
    this.#sha256 = sha256;
    this.#limitBytes = limitBytes;
  }

  get contents(): ReadonlyMap<string, Uint8Array> {
    return this.#contents;
  }

  has(id: string): boolean {
    return this.#contents.has(id);
  }

  /** @throws where the content is not what the id names, or would be too much. */
  async add(id: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#contents.has(id)) return;
    const sizeBytes = this.#sizeBytes + content.length;
    if (sizeBytes > this.#limitBytes) throw tooLarge('bytes of a message', this.#limitBytes, sizeBytes);
    if (bytesToHex(await this.#sha256(content)) !== id) throw malformed('an object with the hash that names it', 'another hash');
    this.#contents.set(id, content);
    this.#sizeBytes = sizeBytes;
  }
}

/** The object of that id and type among `contents`. */
export function takeObject(contents: ReadonlyMap<string, Uint8Array>, id: string, type: ObjectType): ParsedObject {
  const content = contents.get(id);
  if (content === undefined) throw malformed(type, 'no object of that id');
  return parseObject(content, type);
}
