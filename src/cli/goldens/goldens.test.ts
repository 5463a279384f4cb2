import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tally, type Compare, type FieldTable } from './compare.ts';
import { parseReference, runFile, runFolder, type FileReport } from './run-goldens.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const fixtures = join(root, 'src', 'fixtures', 'goldens');

let folder = '';
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'goldens-')); });
afterAll(() => rm(folder, { recursive: true }));

async function runText(name: string, text: string): Promise<FileReport> {
  await writeFile(join(folder, name), text);
  return runFile(join(folder, name), folder);
}
/** A copy of a fixture with one change. */
async function runChanged(name: string, change: (json: Record<string, Record<string, unknown>[]>) => void): Promise<FileReport> {
  const json = parseReference(await readFile(join(fixtures, name), 'utf8')) as Record<string, Record<string, unknown>[]>;
  change(json);
  return runText(name, JSON.stringify(json));
}

describe('the project\'s own fixtures', () => {
  it('all pass, with every family known and every field under a rule', async () => {
    // `npm run goldens` makes every comparison; here the long ones are made for every eighth entry.
    const reports = await runFolder(fixtures, () => undefined, true);
    expect(reports.map(({ format, failed, firstFailures }) => ({ format, failed, firstFailures })).filter(({ failed }) => failed > 0)).toEqual([]);
    for (const { families } of reports) for (const { family, unknownFields } of families) expect({ family, unknownFields }).toEqual({ family, unknownFields: [] });
    // No entry may slip out of the count. How many rows of `accuracy` pass hangs on the runs that are kept.
    expect(Object.fromEntries(reports.map(({ format, entries }) => [format, entries]))).toEqual({ accuracy: 197, 'carbon intensity': 212, clipping: 8, energy: 54, fairness: 27, 'flower wire': 50, minilm: 29, ner: 20, privacy: 1188 });
    for (const { format, entries, passed, noKeptRun } of reports) expect({ format, passed: passed + noKeptRun, isCounted: format === 'accuracy' || noKeptRun === 0 }).toEqual({ format, passed: entries, isCounted: true });
    expect(reports[0]!.passed).toBeGreaterThan(10);
  }, 300_000);
});

describe('a changed value', () => {
  const changes: [string, string, (json: Record<string, Record<string, unknown>[]>) => void][] = [
    ['an equal field', 'rdp_single_order', (json) => { json['rdp_single_order']![0]!['rdp_exact'] = (json['rdp_single_order']![0]!['rdp_exact'] as number) * (1 + 1e-6); }],
    ['an upper bound', 'dpsgd', (json) => { json['dpsgd']![5]!['dp_accounting_rdp'] = { '1e-05': [0.001, 2] }; }],
    ['a lower bound', 'gdp_clt_warning', (json) => { json['gdp_clt_warning']![0]!['pld_eps_1e-5'] = 50; }],
    ['Infinity for a number', 'gaussian_epsilon', (json) => { json['gaussian_epsilon']![0]!['epsilon'] = 'Infinity'; }],
    ['a field that no rule knows', 'gaussian_epsilon', (json) => { json['gaussian_epsilon']![0]!['epsilon_low'] = 123456; }],
    ['an entry stripped to one value', 'dpsgd', (json) => { const { sigma, q, steps, opacus_rdp } = json['dpsgd']![0]!; json['dpsgd']![0] = { sigma, q, steps, opacus_rdp }; }],
    ['an answer taken away without a word', 'dpsgd', (json) => { json['dpsgd']![0]!['pld'] = null; }],
    ['a field within a field that is taken away', 'dpsgd', (json) => { delete (json['dpsgd']![0]!['pld'] as Record<string, unknown>)['delta_at_eps']; }],
    ['a missing field', 'gaussian_epsilon', (json) => { delete json['gaussian_epsilon']![0]!['epsilon']; }],
  ];
  it.each(changes)('%s fails its family alone', async (_, family, change) => {
    const report = await runChanged('privacy.json', (json) => {
      for (const key of Object.keys(json)) if (key !== 'meta' && key !== 'dpsgd' && key !== family) delete json[key];
      json['dpsgd'] = json['dpsgd']!.slice(0, 6);
      change(json);
    });
    expect(report.failed).toBe(1);
    expect(report.families.filter(({ status }) => status === 'failed').map((one) => one.family)).toEqual([family]);
    expect(report.firstFailures).toHaveLength(1);
  });

  it('an unknown family fails', async () => {
    const accuracy = await runText('sets.json', JSON.stringify({ sets: {}, surprise: [{}, {}] }));
    expect(accuracy.families.map(({ family, status, failed }) => [family, status, failed])).toEqual([['surprise', 'unknown family', 1]]);
    const ner = await runText('ner.json', JSON.stringify({ cases: [], surprise: [{}, {}] }));
    expect(ner).toMatchObject({ entries: 2, passed: 0, failed: 2 });
  });

  it('of a byte on the wire, a tag and a kept accuracy fails one entry', async () => {
    const wire = await runChanged('flower-wire.json', (json) => { (json['protobuf'] as unknown as Record<string, string>)['RegisterNodeFleetResponse'] += '9801ff01'; });
    expect(wire.families.filter(({ failed }) => failed > 0).map(({ family, failed }) => [family, failed])).toEqual([['protobuf', 1]]);
    const tags = await runChanged('ner.json', (json) => { (json['cases']![0]!['y_pred'] as string[][])[0]![0] = 'O'; });
    expect(tags.failed).toBe(1);
    const accuracy = await runChanged('accuracy.json', (json) => {
      const { mts } = json['sets'] as unknown as { mts: { runs: { method: string; base: string; layer?: number; recipe: { epochs?: number; max_length: number }; result: { test: { acc: number } } }[] } };
      // Nobody reaches this.
      for (const run of mts.runs) if (run.method === 'frozen+AdamW head' && run.base === 'int8') run.result.test.acc = 0.9;
    });
    expect(accuracy.families.filter(({ failed }) => failed > 0).map(({ family, failed }) => [family, failed])).toEqual([['mts: frozen+AdamW head, not private', 3]]);
  });

  it('a file of no known format, or no JSON, fails', async () => {
    expect(await runText('strange.json', '{"a": 1}')).toMatchObject({ format: 'unknown', failed: 1 });
    expect(await runText('broken.json', '{')).toMatchObject({ format: 'unknown', failed: 1 });
  });
});

describe('Tally', () => {
  const table: FieldTable = { same: { kind: 'equal', absolute: 0.1, relative: 0, why: '' }, note: { kind: 'information', why: '' } };
  const outcome = async (found: number | string | null, expected: number | string | null) => {
    const tally = new Tally('family', table);
    await tally.entry('entry', { same: 1 }, (compare) => { compare('same', found, expected); });
    return tally.report().failed === 0;
  };

  it('NaN equals nothing but NaN, Infinity nothing but itself, null nothing but null', async () => {
    expect(await Promise.all([outcome(NaN, 'NaN'), outcome(Infinity, 'Infinity'), outcome(null, null), outcome('a', 'a'), outcome(1.05, 1)])).toEqual([true, true, true, true, true]);
    expect(await Promise.all([outcome(NaN, 1), outcome(1, 'NaN'), outcome(1e300, 'Infinity'), outcome(Infinity, 1), outcome(null, 0), outcome(0, null), outcome('a', 'b'), outcome(1.2, 1)])).toEqual(Array(8).fill(false));
  });

  it('an entry in which nothing was compared, or a field without a rule was, fails', async () => {
    const tally = new Tally('family', table);
    await tally.entry('information alone', { note: 1 }, (compare) => { compare('note', 1, 2); });
    await tally.entry('no rule', {}, (compare) => { compare('other', 1, 1); });
    await tally.entry('thrown', {}, () => { throw new Error('cannot'); });
    await tally.entry('unknown field', { same: 1, extra: 1 }, (compare) => { compare('same', 1, 1); });
    expect(tally.report()).toMatchObject({ entries: 4, failed: 4, passed: 0, unknownFields: ['extra'] });
  });

  it('a field that has a rule and is there must be compared or left out, in objects too', async () => {
    const inner: FieldTable = { ...table, 'deep.one': table['same']!, 'deep.two': table['same']!, 'deep.note': table['note']! };
    const passes = async (entry: object, check: (compare: Compare) => void) => {
      const tally = new Tally('family', inner);
      await tally.entry('entry', entry, (compare) => { compare('same', 1, 1); check(compare); });
      return tally.report().failed === 0;
    };
    const whole = { same: 1, deep: { one: 1, two: 2, note: 3 } };
    expect(await passes(whole, (compare) => { compare('deep.one', 1, 1); compare('deep.two', 2, 2); })).toBe(true);
    expect(await passes(whole, (compare) => { compare('deep.one', 1, 1); })).toBe(false);
    expect(await passes(whole, (compare) => { compare('deep.one', 1, 1); compare.leaveOut('deep.two'); })).toBe(true);
    expect(await passes(whole, (compare) => { compare.leaveOut('deep'); })).toBe(true);
    expect(await passes({ same: 1, deep: null }, () => undefined)).toBe(false);
    expect(await passes({ same: 1, deep: { three: 3 } }, () => undefined)).toBe(false);
    expect(await passes({ same: 1 }, () => undefined)).toBe(true);
  });
});

describe('parseReference', () => {
  it('reads bare NaN and Infinity as Python writes them, and leaves texts alone', () => {
    expect(parseReference('{"a": NaN, "b": [-Infinity, Infinity], "NaN \\" NaN": "x NaN"}')).toEqual({ a: 'NaN', b: ['-Infinity', 'Infinity'], 'NaN " NaN': 'x NaN' });
  });
});

describe('the command', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', join(root, 'src', 'cli', 'goldens.ts'), ...args], { cwd: root }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );

  it('prints one JSON line a file, and exits with 1 where an entry failed', async () => {
    const own = await mkdtemp(join(tmpdir(), 'goldens-'));
    await writeFile(join(own, 'energy.json'), await readFile(join(fixtures, 'energy.json')));
    const good = await run(own);
    expect(good.code).toBe(0);
    expect(good.stdout.trim().split('\n').map((line) => (JSON.parse(line) as FileReport).passed)).toEqual([54]);
    expect(good.stderr).toBe('energy.json: 54 of 54 agree\nEverything that was compared agrees.\n');
    await writeFile(join(own, 'strange.json'), '{}');
    const bad = await run(own);
    expect(bad.code).toBe(1);
    expect(bad.stdout.trim().split('\n')).toHaveLength(2);
    expect(bad.stderr).toMatch(/^strange\.json: 0 of \d+ agree, \d+ DIFFER$/m);
    expect(bad.stderr).toContain('Values of strange.json differ');
    await rm(own, { recursive: true });
  }, 60_000);

  it('takes the files of the repository where no folder is named, as statements say', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'src', 'cli', 'goldens.ts')], { stdio: ['ignore', 'pipe', 'ignore'] });
    let first = '';
    // All of them take minutes: the first line says which they are.
    for await (const part of child.stdout.setEncoding('utf8')) {
      first += part as string;
      if (first.includes('\n')) break;
    }
    child.kill();
    expect(JSON.parse(first.split('\n')[0]!)).toMatchObject({ file: 'accuracy.json', entries: 197, failed: 0 });
  }, 60_000);

  it('answers a bad folder with a sentence and exit code 2', async () => {
    const outcome = await run(join(folder, 'nowhere'));
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toMatch(/is not a folder/);
    expect((await run(folder, folder)).code).toBe(2);
  }, 60_000);
});
