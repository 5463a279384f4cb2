import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nanoFloatFiles } from '../engine/model/nano.ts';
import type { OwnersAct, ReleaseReason } from '../privacy/doors.ts';
import { quantizedFolder } from './model-folder.ts';
import { makeNotesFolder, runCommandLine } from './testing/command-line.ts';

let folder: string;
const command = (name: 'train' | 'predict', args: readonly string[]) => runCommandLine(folder, name, args);
const train = (...args: readonly string[]) => command('train', ['--model', join(folder, 'base'), '--text', 'note', '--label', 'kind', ...args]);
const at = (name: string) => join(folder, name);

function json(text: string): Record<string, unknown> {
  const value: Record<string, unknown> = JSON.parse(text);
  return value;
}

beforeAll(async () => { folder = await makeNotesFolder(); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run train', () => {
  it('prints one JSON line, writes a model, and predict labels a file with it', async () => {
    const ran = await train('--data', at('notes.csv'), '--test', at('test.csv'), '--epsilon', '3', '--out', at('model'), '--json');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout.trim().split('\n')).toHaveLength(1);
    const result = json(ran.stdout);
    expect(result).toMatchObject({ delta: 1e-5, n_train: 120, n_test: 12, plan: 'full-batch-head', state: 'finished', steps: 50, unit: 'row' });
    expect(result['epsilon']).toBeCloseTo(3, 9);
    expect(result['epsilon_total']).toBeCloseTo(3, 9);
    expect(Object.keys(result['per_class'] as object)).toEqual(['cough', 'knee', 'rash']);
    // Every field that is printed: those of `print-scores` are exact, which the last lines and the help say; the others may leave.
    const printed: Readonly<Record<string, ReleaseReason | OwnersAct>> = {
      accuracy: 'print-scores', macro_f1: 'print-scores', per_class: 'print-scores', seconds: 'print-scores', energy_wh: 'print-scores', released_accuracy: 'charged', epsilon: 'public', delta: 'public', epsilon_held_out: 'public', epsilon_total: 'public',
      unit: 'public', plan: 'public', state: 'public', steps: 'public', n_train: 'public', n_test: 'public', device: 'public', model: 'public',
    };
    expect(Object.keys(result).sort()).toEqual(Object.keys(printed).sort());
    const { value } = result['released_accuracy'] as { value: number };
    expect(ran.stderr).toContain(`Accuracy, macro-F1, the per-class scores, the time and the energy are exact and for your eyes; the noisy accuracy of ${value.toFixed(3)} (released_accuracy) alone was charged and may leave.`);
    expect(readdirSync(at('model')).sort()).toEqual(['README.md', 'head.safetensors', 'head_config.json', 'labels.json', 'predict.py']);

    // How long a step took is not to be read from the ledger: entries carry their minute.
    const times = [...readFileSync(at('ledger.jsonl'), 'utf8').matchAll(/"recordedAtMs":(\d+)/g)].map(([, time]) => Number(time));
    expect(times.length).toBeGreaterThan(50);
    expect(times.filter((time) => time % 60_000 !== 0)).toEqual([]);

    const predicted = await command('predict', ['--model', at('model'), '--base', at('base'), '--data', at('test.csv'), '--text', 'note']);
    expect(predicted).toMatchObject({ code: 0 });
    const lines = predicted.stdout.trim().split('\r\n');
    expect(lines).toHaveLength(13);
    expect(lines[0]).toBe('note,kind,who,predicted_label,confidence');
    expect(lines[1]).toMatch(/,(cough|knee|rash),0\.\d{4}$/);
  });

  it('holds the kernels to the known answers of the model, and where they differ computes in plain arithmetic and says so in the model card', async () => {
    const run = (model: string, out: string) => train('--model', at(model), '--data', at('notes.csv'), '--method', 'sentences', '--out', at(out), '--json');
    // A kernel that gives other answers than the model's, and answers that are another model's, look the same.
    cpSync(at('base'), at('other-answers'), { recursive: true });
    const golden = await quantizedFolder(nanoFloatFiles(2), { name: 'nano', origin: 'made by code' }, new Uint8Array());
    writeFileSync(at('other-answers/golden.safetensors'), golden.get('golden.safetensors')!);
    const [right, wrong] = await Promise.all([run('base', 'checked'), run('other-answers', 'refused')]);
    expect(json(right.stdout)['device']).toMatch(/^WebAssembly/);
    expect(readFileSync(at('checked/README.md'), 'utf8')).toContain("Begun on WebAssembly, which agreed with plain arithmetic in 3 checks, the base model's golden batch among them.");
    expect(wrong, wrong.stderr).toMatchObject({ code: 0 });
    expect(wrong.stderr).toContain("do not give this model's known answers (goldenOutputs) on this machine, so plain arithmetic is used");
    expect(json(wrong.stdout)['device']).toBe('TypeScript');
    expect(readFileSync(at('refused/README.md'), 'utf8')).toContain('WebAssembly was refused: its outputs of the base model did not agree with plain arithmetic, from the embeddings on.');
  });

  it('adds up over runs of the same rows, and refuses beyond a limit before anything is charged', async () => {
    const before = readFileSync(at('ledger.jsonl'), 'utf8').split('\n').filter((line) => line.includes('"charge"')).length;
    const refused = await train('--data', at('notes.csv'), '--test', at('test.csv'), '--epsilon', '3', '--limit', '4', '--out', at('second'));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('beyond the limit of 4');
    expect(readFileSync(at('ledger.jsonl'), 'utf8').split('\n').filter((line) => line.includes('"charge"'))).toHaveLength(before);
    // Without a word of the person's the limit that the first run set stays, and the sentence says how to give it.
    const held = await train('--data', at('notes.csv'), '--test', at('test.csv'), '--epsilon', '3', '--out', at('second'));
    expect(held.code).toBe(2);
    expect(held.stderr).toMatch(/have spent epsilon 3; this run would bring them to 4\.\d+, beyond the limit of 4\. Nothing was charged\..*a smaller --epsilon.*--limit 4\.\d+/s);
    expect(readFileSync(at('ledger.jsonl'), 'utf8').split('\n').filter((line) => line.includes('"charge"'))).toHaveLength(before);
    const again = await train('--data', at('notes.csv'), '--test', at('test.csv'), '--epsilon', '3', '--limit', '5', '--out', at('second'), '--json');
    const total = json(again.stdout)['epsilon_total'];
    expect(total).toBeGreaterThan(4);
    // What it says before it begins is what it says in the end.
    const [, ahead] = /By the end of this run these rows will have spent (epsilon 4\.\d+ in the training part, 1\.\d+ in the held-out part)\./.exec(again.stderr) ?? [];
    expect(again.stderr).toContain(`These rows have spent ${ahead} in all runs of this ledger.`);
  });

  it('says before it begins that a score does not fit, and charges none', async () => {
    const ledger = at('short.jsonl');
    const short = await train('--data', at('notes.csv'), '--test', at('test.csv'), '--epsilon', '0.5', '--limit', '0.6', '--ledger', ledger, '--out', at('short'), '--json');
    expect(short, short.stderr).toMatchObject({ code: 0 });
    expect(short.stderr).toContain('By the end of this run these rows will have spent epsilon 0.5.');
    expect(short.stderr).toContain('too little of its budget left for the score of epsilon 1: none is charged');
    expect(json(short.stdout)).toMatchObject({ released_accuracy: null, epsilon_held_out: 0 });
  });

  it('adds up over files that may be about the same people, and runs to its end there too', async () => {
    writeFileSync(at('others.csv'), readFileSync(at('notes.csv'), 'utf8').replaceAll(', day', ', week'));
    const ledger = at('two-files.jsonl');
    const first = await train('--data', at('notes.csv'), '--epsilon', '3', '--ledger', ledger, '--out', at('file-1'), '--json');
    expect(first, first.stderr).toMatchObject({ code: 0 });
    for (const limit of [[], ['--limit', '4']]) {
      const refused = await train('--data', at('others.csv'), '--epsilon', '3', ...limit, '--ledger', ledger, '--out', at('file-2'));
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('people of earlier files');
      expect(refused.stderr).toMatch(/--limit [4-9]/);
    }
    const second = await train('--data', at('others.csv'), '--epsilon', '3', '--limit', '8', '--ledger', ledger, '--out', at('file-2'), '--json');
    expect(json(second.stdout)).toMatchObject({ state: 'finished', steps: 50 });
    expect(json(second.stdout)['epsilon_total']).toBeGreaterThan(4);
    expect(second.stderr).toContain('people of 1 earlier file(s)');
  }, 120_000);

  it('says which notes an earlier file holds too, and advises no smaller epsilon where none fits', async () => {
    // Other people and other notes, but for two that stand in both.
    const others = readFileSync(at('notes.csv'), 'utf8').replaceAll(',p', ',q').replaceAll(/, day (?!7"|40")/g, ', week ');
    writeFileSync(at('sharing.csv'), others);
    writeFileSync(at('without.csv'), others.split('\n').filter((line) => !line.includes(', day ')).join('\n'));
    const ledger = at('sharing.jsonl');
    const trainOn = (name: string, epsilon: string) => train('--data', at(`${name}.csv`), '--person', 'who', '--epsilon', epsilon, '--ledger', ledger, '--out', at(`on-${name}`), '--json');
    const first = await trainOn('notes', '3');
    expect(first, first.stderr).toMatchObject({ code: 0 });
    const refused = await trainOn('sharing', '0.05');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/beyond the limit of 4\. Nothing was charged\. 2 of its notes \(rows 9, 42\) are in an earlier file of this ledger too, and .* as if its noise were up to 4 times smaller\./);
    expect(refused.stderr).toMatch(/No --epsilon is small enough\. Give the file without the notes that are in both, .* another --ledger .*, or --limit \d+/);
    expect(refused.stderr).not.toContain('smaller --epsilon');
    // What is advised helps.
    const without = await trainOn('without', '0.05');
    expect(without, without.stderr).toMatchObject({ code: 0 });
  }, 120_000);

  it('takes the epsilon that the first run asks for as the limit where it is above 4', async () => {
    const first = await train('--data', at('notes.csv'), '--epsilon', '6', '--ledger', at('wide.jsonl'), '--out', at('wide'), '--json');
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(json(first.stdout)).toMatchObject({ state: 'finished', steps: 50 });
    const second = await train('--data', at('notes.csv'), '--epsilon', '0.5', '--ledger', at('wide.jsonl'), '--out', at('wide'));
    expect(second.stderr).toContain('beyond the limit of 6');
    expect(second.stderr).toContain('No --epsilon is small enough.');
  }, 120_000);

  it('counts another person column as other persons: the worst pays in both', async () => {
    // Two notes a patient; the second column names a visit each.
    writeFileSync(at('visits.csv'), readFileSync(at('notes.csv'), 'utf8').split('\n').map((line, index) => (line === '' ? '' : `${line},${index === 0 ? 'visit' : `v${index}`}`)).join('\n'));
    const ledger = at('visits.jsonl');
    const patients = await train('--data', at('visits.csv'), '--person', 'who', '--epsilon', '1', '--limit', '20', '--ledger', ledger, '--out', at('visits'), '--json');
    const visits = await train('--data', at('visits.csv'), '--person', 'visit', '--epsilon', '1', '--limit', '20', '--ledger', ledger, '--out', at('visits'), '--json');
    const again = await train('--data', at('visits.csv'), '--person', 'who', '--epsilon', '0.01', '--limit', '20', '--ledger', ledger, '--out', at('visits'), '--json');
    for (const ran of [patients, visits, again]) expect(ran, ran.stderr).toMatchObject({ code: 0 });
    expect(json(patients.stdout)['epsilon_total']).toBeCloseTo(1, 6);
    // Two visits of one patient pay twice, and the score of the visits' held-out part besides.
    expect(json(again.stdout)['epsilon_total']).toBeGreaterThan(3);
  }, 120_000);

  it('charges no score where a unit that trains is also in the test file: the parts would not be parallel', async () => {
    // Other texts, of persons who train.
    const [persons, notes] = await Promise.all([
      train('--data', at('notes.csv'), '--test', at('test.csv'), '--person', 'who', '--ledger', at('both.jsonl'), '--out', at('both'), '--json'),
      train('--data', at('notes.csv'), '--test', at('test.csv'), '--person', 'who', '--unit', 'row', '--ledger', at('apart.jsonl'), '--out', at('apart'), '--json'),
    ]);
    expect(persons, persons.stderr).toMatchObject({ code: 0 });
    expect(json(persons.stdout)['released_accuracy']).toBeNull();
    expect(persons.stderr).toContain('Some persons are in both parts');
    expect(readFileSync(at('both.jsonl'), 'utf8')).not.toContain('"charged-validation"');
    expect(readFileSync(join(at('both'), 'README.md'), 'utf8')).toContain('No score was charged');
    expect(json(notes.stdout)['released_accuracy']).not.toBeNull();
  }, 120_000);

  it('says what was charged in the end: no epsilon for a score that the held-out budget refused', async () => {
    const run = () => train('--data', at('notes.csv'), '--epsilon', '0.5', '--limit', '1.2', '--ledger', at('scores.jsonl'), '--out', at('scores'), '--json');
    const [first, second] = [await run(), await run()];
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(json(first.stdout)['epsilon_held_out']).toBeCloseTo(1, 6);
    expect(json(first.stdout)['released_accuracy']).toMatchObject({ epsilon: expect.closeTo(1, 6) });
    // Two scores at epsilon 1 would come to 1.4 or more of the held-out part, beyond the limit; the training parts come to less than 1.
    expect(json(second.stdout)).toMatchObject({ state: 'finished', steps: 50, released_accuracy: null, epsilon_held_out: 0 });
    expect(json(second.stdout)['epsilon']).toBeCloseTo(0.5, 6);
    expect(readFileSync(join(at('scores'), 'README.md'), 'utf8')).toContain('No score was charged');
  }, 120_000);

  it('trains adapters, persons and without privacy', async () => {
    const runs = await Promise.all([
      train('--data', at('notes.csv'), '--person', 'who', '--epsilon', '2', '--ledger', at('other.jsonl'), '--out', at('persons'), '--json'),
      train('--data', at('notes.csv'), '--epsilon', 'none', '--method', 'lora', '--out', at('lora'), '--json'),
      train('--data', at('notes.csv'), '--epsilon', 'none', '--seed', '7', '--out', at('plain'), '--json'),
      train('--data', at('notes.csv'), '--epsilon', 'none', '--seed', '7', '--out', at('plain-again'), '--json'),
      train('--data', at('notes.csv'), '--method', 'sentences', '--out', at('sentences'), '--json'),
    ]);
    for (const ran of runs) expect(ran.code, ran.stderr).toBe(0);
    const [persons, lora, plain, plainAgain, sentences] = runs.map((ran) => json(ran.stdout));
    expect(persons).toMatchObject({ unit: 'person', plan: 'full-batch-head' });
    expect(lora).toMatchObject({ plan: 'plain-lora', epsilon: null, epsilon_total: null });
    expect(readdirSync(at('lora'))).toContain('adapter_model.safetensors');
    expect(plain).toMatchObject({ plan: 'plain-head', epsilon: null });
    expect(plainAgain!['accuracy']).toBe(plain!['accuracy']);
    expect(readFileSync(join(at('plain-again'), 'head.safetensors'))).toEqual(readFileSync(join(at('plain'), 'head.safetensors')));
    expect(sentences).toMatchObject({ plan: 'label-sentences', epsilon: 0 });
  }, 120_000);

  it('says how it is used when asked', async () => {
    const ran = await command('train', ['--help']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('npm run -s train -- --data notes.csv');
  });

  it('says in a sentence what is wrong, without a stack, and exits with 2', async () => {
    writeFileSync(at('labels.json'), '{"cough": 3}');
    writeFileSync(at('one.csv'), 'note,kind\na b c,x\nd e f,x\n');
    const cases: readonly [RegExp, readonly string[]][] = [
      [/--data is missing/, ['--out', at('x')]],
      [/--out is missing/, ['--data', at('notes.csv')]],
      [/Unknown option '--wrong'/, ['--data', at('notes.csv'), '--wrong', '1', '--out', at('x')]],
      [/^Option '--epsilon' argument is ambiguous\. Usage: [^\n]+\n$/, ['--data', at('notes.csv'), '--epsilon', '-1', '--out', at('x')]],
      [/--epsilon must be a number above 0, found "zero"/, ['--data', at('notes.csv'), '--epsilon', 'zero', '--out', at('x')]],
      [/--method must be head, lora, layers or sentences/, ['--data', at('notes.csv'), '--method', 'magic', '--out', at('x')]],
      [/There is no file/, ['--data', at('nothing.csv'), '--out', at('x')]],
      [/has no column "who2" \(--person\)/, ['--data', at('notes.csv'), '--person', 'who2', '--out', at('x')]],
      [/should give each label a sentence/, ['--data', at('notes.csv'), '--labels', at('labels.json'), '--out', at('x')]],
      [/at least 2 labels, found 1/, ['--data', at('one.csv'), '--out', at('x')]],
      [/holds files that are no model/, ['--data', at('notes.csv'), '--out', at('base')]],
      [/not a model folder/, ['--data', at('notes.csv'), '--model', folder, '--out', at('x')]],
    ];
    const results = await Promise.all(cases.map(([, args]) => train(...args)));
    cases.forEach(([expected], i) => {
      expect(results[i]).toMatchObject({ code: 2, stdout: '' });
      expect(results[i]!.stderr).toMatch(expected);
      expect(results[i]!.stderr).not.toMatch(/\n\s+at /);
    });
  }, 120_000);
});
