import { describe, expect, it } from 'vitest';
import { setAsideCsv } from './data/set-aside.ts';
import type { RowProblem } from './data/table.ts';
import type { OwnersAct, ReleaseReason } from './privacy/doors.ts';
import type { RunSummary } from './shell/bedside.service.ts';
import { classifyTable, type Classifier } from './shell/classify.ts';
import type { FederationMembership, SentLine } from './shell/federation.service.ts';
import { projectFileParts, type ProjectFile } from './shell/project-file-format.ts';
import type { ProjectRecord } from './shell/records.ts';
import { speedReportOf } from './shell/speed-report.ts';
import { fieldsOf, leaves, spoil } from './shell/testing/fields.ts';
import { sentList } from './ui/pages/federation/sent-list.ts';
import { runsTable } from './ui/pages/runs/runs-table.ts';
import { FakeFederation } from './ui/testing/fake-federation.ts';
import { fakePlan } from './ui/testing/fake-plans.ts';
import { fakeSpeed } from './ui/testing/fake-speed.ts';

/**
 * Every field of every file and text that leaves, and why it may: a reason, or the act that its owner was asked for (`owners-acts.browser.test.ts`).
 * The model and its card are held by `exported-fields.test.ts`, the ledger by `saved-fields.test.ts`, what a command prints by `cli/train.test.ts`,
 * and a federation's calls by `sent-fields.test.ts`. Nothing else leaves: `ways-out.test.ts`. Reports of fairness, energy and the lab are shown alone.
 */
type Why = ReleaseReason | OwnersAct;
type Fields = Readonly<Record<string, Why>>;
const names = (fields: Fields) => Object.keys(fields).sort();
const columnsOf = (csv: string) => csv.replace(/^\uFEFF/, '').split(/\r?\n/)[0]!.split(',');

describe('the table of runs', () => {
  // Scores, times and energy are exact; the rest is public, and goes with them.
  const columns: Fields = {
    run: 'public', state: 'public', method: 'public', started: 'save-runs', seconds: 'save-runs', steps_done: 'public', steps: 'public', accuracy: 'save-runs', accuracy_low: 'save-runs', accuracy_high: 'save-runs', macro_f1: 'save-runs',
    epsilon: 'public', epsilon_model: 'public', energy_wh: 'save-runs', energy_wh_low: 'save-runs', energy_wh_high: 'save-runs',
  };

  it('has these columns and no others, of a run with all that a run may have', () => {
    const run: RunSummary = { id: 'r', number: 3, state: 'finished', plan: fakePlan, startedAtMs: 1, seconds: 2, stepsDone: 9, steps: 9, epsilonRun: 1, energyWh: { low: 1, central: 2, high: 3 }, accuracy: { count: 3, total: 4, value: 0.75, low: 0.3, high: 0.95 }, macroF1: 0.5, hasModel: true };
    const [header, line] = runsTable([run]).value.split('\r\n');
    expect(header!.split(',')).toEqual(Object.keys(columns));
    expect(line!.split(',')).toHaveLength(names(columns).length);
  });
});

describe('rows that are set aside', () => {
  it('are the rows themselves, with why', () => {
    const problem: RowProblem = { row: 2, code: 'column-count', values: { found: 3, expected: 2 }, cells: ['a', 'b', 'c'] };
    const columns: Fields = { row: 'save-set-aside-rows', reason: 'save-set-aside-rows', note: 'save-set-aside-rows', kind: 'save-set-aside-rows', 'surplus 1': 'save-set-aside-rows' };
    expect(columnsOf(setAsideCsv(['note', 'kind'], [problem]))).toEqual(Object.keys(columns));
  });
});

describe('a file that was labelled', () => {
  const classifier: Classifier = {
    model: { kind: 'head', labels: ['short', 'long'], maximumLength: 6, features: { layers: [6], weights: [1], isUnitLength: true }, mean: null, biasInput: 1, weights: new Float32Array(0) },
    tokenizer: { encode: () => ({ ids: new Int32Array(3), cutTokens: 0 }) },
    crew: { modelLogits: (_, rows) => Promise.resolve(Float32Array.from(rows.flatMap(() => [2, 0]))) },
  };

  it('is the file, and two columns that follow from the model and the file', async () => {
    const columns: Fields = { note: 'save-labelled-notes', id: 'save-labelled-notes', predicted_label: 'save-labelled-notes', confidence: 'save-labelled-notes' };
    const { table } = await classifyTable(classifier, new File(['note,id\nchest pain,1\n'], 'notes.csv'), 'note', new AbortController().signal, () => undefined);
    expect(columnsOf(await table.value.text())).toEqual(Object.keys(columns));
  });
});

describe('a project file', () => {
  it('is let out by its owner whole, and has these parts and no others', () => {
    const parts: Readonly<Record<keyof ProjectFile, Why>> = { project: 'save-project', table: 'save-project', runs: 'save-project', models: 'save-project', results: 'save-project', ledger: 'save-project' };
    expect(names(parts)).toEqual([...projectFileParts].sort());
    // What of the project's own record stays here; a new field asks for its place by the compiler.
    const record: Readonly<Record<keyof ProjectRecord, 'goes' | 'stays'>> = {
      name: 'goes', fileName: 'goes', isSynthetic: 'goes', columnRoles: 'goes', sentences: 'goes', epsilonLimit: 'goes', runsStarted: 'goes',
      id: 'stays', createdAtMs: 'stays', openedAtMs: 'stays', rowCount: 'stays', noteCount: 'stays', declarations: 'stays', lengths: 'stays',
    };
    type Going = keyof ProjectFile['project'];
    const going: Readonly<Record<Going, true>> = { format: true, version: true, name: true, fileName: true, isSynthetic: true, columnRoles: true, sentences: true, epsilonLimit: true, runsStarted: true };
    expect(Object.keys(going).filter((name) => name !== 'format' && name !== 'version').sort()).toEqual(Object.entries(record).flatMap(([name, place]) => (place === 'goes' ? [name] : [])).sort());
  });
});

async function membership(): Promise<{ readonly membership: FederationMembership; readonly lines: readonly SentLine[] }> {
  const federation = new FakeFederation('training', 0, 1_700_000_000_000, () => Promise.resolve('project'));
  let known: FederationMembership | null = null;
  (await federation.watch((now) => (known = now)))();
  if (known === null) throw new Error('The story has a membership.');
  return structuredClone({ membership: known, lines: await federation.sent() });
}

describe('the list of what left for a federation', () => {
  // The agreement, what the server has had and when, and charges by the ledger.
  const fields: Fields = {
    task: 'public', coordinator: 'public', taskHash: 'public', seat: 'public', epsilonLimit: 'public', epsilonSpent: 'public', delta: 'public', sentBytes: 'public', receivedBytes: 'public',
    'rounds[].round': 'public', 'rounds[].at': 'public', 'rounds[].outcome': 'public', 'rounds[].reason': 'public', 'rounds[].epsilon': 'public', 'rounds[].clamps[].term': 'public', 'rounds[].clamps[].agreed': 'public', 'rounds[].clamps[].asked': 'public',
    'rounds[].sent[].what': 'public', 'rounds[].sent[].bytes': 'public', 'rounds[].sent[].sha256': 'public',
    'bodies[].endpoint': 'public', 'bodies[].sha256': 'public', 'bodies[].bytes': 'public', 'bodies[].times': 'public', 'bodies[].first': 'public', 'bodies[].last': 'public',
    'models[].version': 'public', 'models[].round': 'public', 'models[].sha256': 'public', 'models[].at': 'public',
  };

  it('has these fields and no others', async () => {
    const { membership: known, lines } = await membership();
    expect(fieldsOf(JSON.parse(sentList(known, lines).value))).toEqual(names(fields));
  });

  it('is the same whatever the held-out notes say and whatever energy was drawn', async () => {
    const text = async (path?: readonly string[]) => {
      const { membership: known, lines } = await membership();
      if (path) spoil(known, path);
      return sentList(known, lines).value;
    };
    const whole = await text();
    const exact = [...leaves((await membership()).membership)].filter((path) => /^(rounds \d+ energyWh|models \d+ (accuracy|accuracyBefore|isKept|runId)|energyWh|carbonGrams|projectId)( |$)/.test(path.join(' ')));
    expect(exact.length).toBeGreaterThan(20);
    for (const path of exact) expect(await text(path), path.join(' ')).toBe(whole);
  });
});

describe('how fast this device is, copied as text', () => {
  it('has these fields and no others: made-up notes, the device, and the settings', () => {
    const fields: Fields = Object.fromEntries([
      'measuredAtMs', 'encoder', 'tokens', 'cores', 'browser', 'noWebGpu', 'power.deviceClass', 'power.measuredWatts',
      ...['backend', 'device.name', 'device.workers', 'notesPerSecond.read', 'notesPerSecond.head', 'notesPerSecond.adapters', 'stepMs', 'stepNotes', 'launches', 'memoryBytes', 'busyFraction', ...['read', 'adapters'].flatMap((what) => ['low', 'central', 'high'].map((end) => `energyWhPer1000.${what}.${end}`))].map((field) => `setups[].${field}`),
    ].map((field) => [field, 'public'] as const));
    const settings = { deviceClass: 'unknown', measuredWatts: null, country: 'NLD' } as const;
    const { power: _, ...measured } = fakeSpeed(1, settings);
    expect(fieldsOf(speedReportOf(measured, settings))).toEqual(names(fields));
  });
});
