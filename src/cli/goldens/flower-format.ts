import { checkAuth } from '../../federation/recorded/auth.ts';
import { checkCall } from '../../federation/recorded/exchange.ts';
import { checkIds, checkMessage, checkValues } from '../../federation/recorded/messages.ts';
import { checkObjects } from '../../federation/recorded/objects.ts';
import { wireParts } from '../../federation/recorded/parts.ts';
import type { RecordedCall, RecordedWire, WireCheck, WireParts } from '../../federation/recorded/wire.ts';
import type { Compare, FieldTable } from './compare.ts';
import { listOf, objectOf, textOf, type Family, type Format, type JsonObject, type Source } from './format.ts';
import { flowerRules } from './rules.ts';

const wireOf = ({ json }: Source) => json as unknown as RecordedWire;
const partsOf = (source: Source): Promise<WireParts> => wireParts(wireOf(source).auth, crypto.subtle, Date.parse);

const family = (name: keyof typeof flowerRules, checksOf: (entry: JsonObject, source: Source) => readonly WireCheck[] | Promise<readonly WireCheck[]>): Family => ({
  name,
  fields: flowerRules[name] satisfies FieldTable,
  async check(entry, compare: Compare, source) {
    for (const { field, found, recorded } of await checksOf(entry, source)) compare(field, found, recorded);
  },
});

const families: readonly Family[] = [
  family('ids', (_, source) => checkIds(wireOf(source))),
  family('values', (_, source) => checkValues(wireOf(source))),
  family('objects', async (entry, source) => checkObjects(wireOf(source), textOf(entry, 'name'), (await partsOf(source)).sha256)),
  family('protobuf', (entry) => checkMessage(textOf(entry, 'name'), textOf(entry, 'hex'))),
  family('auth', async (_, source) => checkAuth(wireOf(source).auth, await partsOf(source))),
  family('exchange', async (_, source) => checkCall(wireOf(source), listOf(source.json, 'exchange')[source.index] as RecordedCall, await partsOf(source))),
];

/** Messages and object trees are entries by their names; the node's id of the exchange lies in its calls. */
function entriesOf(json: JsonObject): ReadonlyMap<string, readonly JsonObject[]> {
  const entries = new Map<string, readonly JsonObject[]>();
  for (const key of Object.keys(json)) {
    if (key === 'meta' || key === 'exchange_node_id') continue;
    else if (key === 'protobuf') entries.set(key, Object.entries(objectOf(json, key)).map(([name, hex]) => ({ name, hex })));
    else if (key === 'objects') entries.set(key, Object.keys(objectOf(json, key)).map((name) => ({ name, ...objectOf(objectOf(json, key), name) })));
    else if (key === 'exchange') entries.set(key, listOf(json, key) as readonly JsonObject[]);
    else entries.set(key, [objectOf(json, key)]);
  }
  return entries;
}

export const flowerFormat: Format = { name: 'flower wire', isFormat: (json) => 'protobuf' in json && 'exchange' in json, families, entriesOf };
