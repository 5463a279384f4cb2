import { describe, expect, it } from 'vitest';
import { cohortsOf, type HashedRow } from '../privacy/cohort.ts';
import type { LedgerEvent, Mechanism } from '../privacy/events.ts';
import { Ledger } from '../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../privacy/memory-ledger-store.ts';
import { createUnitHasher, keyIdOf, normaliseText, personNamingOf } from '../privacy/unit-hash.ts';
import { shareLedger } from './ledger-share.ts';
import { toTaggedJson } from './tagged-json.ts';
import { fieldsOf } from './testing/fields.ts';

const key = Uint8Array.from({ length: 32 }, (_, index) => (7 * index + 3) % 256);
const hasher = createUnitHasher(key);
const header = 'Patient number';
const notes = ['Jane Roe has lymphoma', 'John Doe, asthma', 'Mary Major: fall at home', 'Ann Other: cough'].map((text, index) => ({ text, person: `P-00${index + 1}`, label: ['Oncology', 'Chest'][index % 2]! }));
const rows: readonly HashedRow[] = notes.map(({ text, person }) => ({ row: hasher.unitHash('row', normaliseText(text)), person: hasher.unitHash('person', normaliseText(person)) }));
const { splitId, events: cohorts } = cohortsOf({ unit: 'person', keyId: keyIdOf(key), training: rows.slice(0, 3), heldOut: rows.slice(3), declarationId: 'declared', declaredBefore: 0, personNaming: personNamingOf(key, header) });

const mechanisms: readonly Mechanism[] = [
  { kind: 'gaussian', noiseMultiplier: 4 }, { kind: 'poisson-gaussian', noiseMultiplier: 4, samplingRate: 0.1 }, { kind: 'discrete-gaussian', noiseMultiplier: 4 },
  { kind: 'repeat-and-select', noiseMultiplier: 9, law: { kind: 'poisson', mean: 5 } }, { kind: 'repeat-and-select', noiseMultiplier: 9, law: { kind: 'truncated-negative-binomial', shape: 0, mean: 5 } },
];

/** A ledger with every kind of event that a page can write. */
async function ledger(): Promise<Ledger> {
  const opened = await Ledger.open(createMemoryLedgerStore(), () => 60_000);
  const cohortIds = cohorts.map(({ cohortId }) => cohortId);
  await opened.append([...cohorts, { kind: 'budget', id: 'budget', cohortIds, epsilonLimit: 8, delta: 1e-5 }, { kind: 'run', id: 'run', runId: 'r', state: 'started' }]);
  for (const [index, mechanism] of mechanisms.entries()) await opened.charge({ kind: 'charge', id: `charge ${index}`, cohortId: cohortIds[0]!, runId: 'r', step: index, purpose: 'gradient', mechanism });
  await opened.share(splitId, { id: 'share', epsilon: 0.1 }, []);
  return opened;
}

/** Everything that tells a note, a person, a label, a column or the key. */
const telling = [...notes.flatMap(({ text, person, label }) => [text, person, label]), header, Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join(''), key.join()];

const eventFields = ['cohortId', 'cohortIds[]', 'declaredBefore', 'delta', 'epsilonLimit', 'hasUnnamedRows', 'id', 'isDeclaredDisjoint', 'keyId', 'kind', 'maximumRowsPerPerson', 'mechanism.kind', 'mechanism.law.kind', 'mechanism.law.mean', 'mechanism.law.shape', 'mechanism.noiseMultiplier', 'mechanism.samplingRate', 'part', 'personHashes[]', 'personNaming', 'purpose', 'rowHashes[]', 'runId', 'share.epsilon', 'share.id', 'splitId', 'state', 'step', 'unit'];

describe('the ledger that is saved to a file', () => {
  it('has these fields and no others: mechanisms, limits, keyed hashes, and the minute', async () => {
    const { entries, isChainIntact } = await ledger();
    const expected = [...eventFields.map((field) => `entries[].event.${field}`), 'entries[].hash', 'entries[].previous', 'entries[].recordedAtMs', 'entries[].sequence', 'isChainIntact'];
    expect(fieldsOf({ entries, isChainIntact })).toEqual(expected.sort());
    // What is read of it again must be all of it.
    expect(JSON.parse(JSON.stringify({ entries, isChainIntact }))).toEqual({ entries, isChainIntact });
  });

  it('tells no note, person, label, column or key', async () => {
    const { entries, isChainIntact } = await ledger();
    const saved = JSON.stringify({ entries, isChainIntact }, null, 1);
    for (const text of telling) expect(saved.toLowerCase()).not.toContain(text.toLowerCase());
    // The hashes are keyed: under another key, none of them is the same.
    const other = createUnitHasher(key.map((byte) => byte ^ 1));
    for (const { text } of notes) expect(saved).not.toContain(other.unitHash('row', normaliseText(text)));
    expect(saved).toContain(rows[0]!.row);
  });
});

describe('the ledger of a copy, saved to a file', () => {
  it('has beside these what came with the file: an allowance, whose givers are named by the hashes of their keys, and charges made elsewhere', async () => {
    const copy = await Ledger.open(createMemoryLedgerStore(), () => 60_000);
    const [training] = cohorts;
    await copy.merge([
      ...cohorts, { kind: 'charge', id: 'elsewhere', cohortId: training.cohortId, runId: 'r', step: 1, purpose: 'gradient', mechanism: mechanisms[0]! },
      { kind: 'allowance', id: 'allowance', allowanceId: 'brought', cohortIds: cohorts.map(({ cohortId }) => cohortId), epsilon: 1, delta: 5e-6, givenBy: [keyIdOf(key)] },
    ]);
    const { entries } = copy;
    const found = fieldsOf(entries.map(({ event }) => event)).map((field) => field.slice('[].'.length));
    expect(found.filter((field) => !eventFields.includes(field))).toEqual(['allowanceId', 'epsilon', 'givenBy[]', 'isFromFile']);
    const saved = JSON.stringify(entries);
    for (const text of telling) expect(saved.toLowerCase()).not.toContain(text.toLowerCase());
  });
});

describe('the ledger inside a project file', () => {
  const shared = async () => shareLedger((await ledger()).entries.map(({ event }): LedgerEvent => event), new Set(cohorts.map(({ cohortId }) => cohortId)), rows, personNamingOf(key, header));

  it('has these fields and no others', async () => {
    const cohort = ['cohortId', 'declaredBefore', 'hasUnnamedRows', 'id', 'isDeclaredDisjoint', 'keyId', 'kind', 'maximumRowsPerPerson', 'part', 'personNaming', 'splitId', 'unit'].map((field) => `cohorts[].event.${field}`);
    const others = ['cohortId', 'cohortIds[]', 'delta', 'epsilonLimit', 'id', 'kind', 'mechanism.kind', 'mechanism.law.kind', 'mechanism.law.mean', 'mechanism.law.shape', 'mechanism.noiseMultiplier', 'mechanism.samplingRate', 'purpose', 'runId', 'state', 'step'].map((field) => `events[].${field}`);
    expect(fieldsOf(await shared())).toEqual([...cohort, ...others, 'cohorts[].isNamedAlike', 'cohorts[].isWhole', 'cohorts[].persons[]', 'cohorts[].rows[]'].sort());
  });

  it('carries no hash of a note or a person, no naming, and nothing that the origin gave away', async () => {
    const saved = toTaggedJson(await shared());
    for (const { row, person } of rows) for (const hash of [row, person!]) expect(saved).not.toContain(hash);
    expect(saved).not.toContain(personNamingOf(key, header));
    for (const text of telling) expect(saved.toLowerCase()).not.toContain(text.toLowerCase());
    expect(saved).not.toContain('"share"');
  });
});
