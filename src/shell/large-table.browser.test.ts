import { afterAll, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import type { Progress } from './bedside.service.ts';
import { nanoName } from './encoder-source.ts';
import { clearAll, listen, sampleProject } from './testing/service-scenes.ts';

const service = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 2 });
const rows = 12_000;

afterAll(async () => {
  await clearAll(service);
});

const words = ['chest', 'pain', 'rash', 'fever', 'left', 'knee', 'since', 'monday', 'denies', 'cough'];
const noteOf = (row: number) => `${Array.from({ length: 8 + (row % 9) }, (_, place) => words[(row * 7 + place * place) % words.length]).join(' ')}, visit ${row}`;

function largeFile(): File {
  const lines = Array.from({ length: rows }, (_, row) => `"${noteOf(row)}",${['cardiology', 'dermatology', 'urology'][row % 3]},P${row % 5000}`);
  return new File([`note,specialty,patient\n${lines.join('\n')}\n`], 'large.csv');
}

/** Collects progress and gives up when `isEnough`. */
function watched(isEnough: (progress: Progress) => boolean) {
  const abort = new AbortController();
  const seen: Progress[] = [];
  const listener = (progress: Progress) => {
    seen.push(progress);
    if (isEnough(progress)) abort.abort();
  };
  return { seen, listener, signal: abort.signal };
}

describe('a large table', () => {
  it('is read for a plan with progress; cancelled, it can be read again, and it is read once', async () => {
    const { id } = await service.readFile(largeFile(), () => undefined, new AbortController().signal);
    const { columns } = await service.preview(id);
    await service.setColumns(id, Object.fromEntries(columns.map(({ name, role }) => [name, role])));

    const cancelled = watched(({ done }) => done > 2000);
    await expect(service.proposePlan(id, cancelled.listener, cancelled.signal)).rejects.toMatchObject({ code: 'cancelled' });
    const heard = cancelled.seen.length;

    const whole = watched(() => false);
    const proposal = await service.proposePlan(id, whole.listener, whole.signal);
    expect(proposal.trainingRows + proposal.heldOutRows).toBe(rows);
    expect(whole.seen.every(({ total }) => total === rows)).toBe(true);
    const counts = whole.seen.map(({ done }) => done);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBe(rows);
    // Often enough for a bar that moves: no gap of more than a twelfth.
    expect(Math.max(...counts.map((count, index) => count - (counts[index - 1] ?? 0)))).toBeLessThanOrEqual(1024);
    // Who has cancelled hears no more of it.
    expect(cancelled.seen).toHaveLength(heard);

    // A second page, as after a reload: nothing is read again.
    const later = createBedside({ encoder: { name: nanoName, folder: '' }, backend: 'wasm', workers: 1 });
    const known = watched(() => false);
    expect(await later.proposePlan(id, known.listener, known.signal)).toEqual(proposal);
    expect(known.seen.length).toBeLessThan(5);
    await expect(service.proposePlan(id, () => undefined, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('is labelled with progress; cancelled, it comes back whole and in its order, with answers in the rows that were reached', async () => {
    const id = await sampleProject(service);
    const run = listen();
    const { runId } = await service.startRun(id, (await service.proposePlan(id)).alternatives['label-sentences'], run.onMessage);
    expect(await run.end).toMatchObject({ kind: 'finished' });

    const part = watched(({ done }) => done > 3000);
    const { table, done, total } = await service.classifyFile(id, runId, largeFile(), part.listener, part.signal);
    expect(total).toBe(rows);
    expect(done).toBeGreaterThan(3000);
    expect(done).toBeLessThan(rows);
    const [header, ...lines] = (await table.value.text()).trim().split('\r\n');
    expect(header).toBe('note,specialty,patient,predicted_label,confidence');
    expect(lines).toHaveLength(rows);
    // In the order of the file, each as it was, with its answer or with none.
    const isAnswered = (line: string) => !line.endsWith(',,');
    expect(lines.filter(isAnswered)).toHaveLength(done);
    for (const [index, line] of lines.entries()) {
      expect(line.startsWith(`"${noteOf(index)}",`)).toBe(true);
      if (index % 500 === 0) expect(line).toMatch(isAnswered(line) ? /,\w+,P\d+,[^,]+,[01]\.\d{4}$/ : /,\w+,P\d+,,$/);
    }

    // In batches of like length a row gets the answer that it gets alone, but for the temperature, which stays here.
    const probe = lines.findIndex(isAnswered);
    const [alone, { temperature }] = [await service.classify(id, runId, noteOf(probe)), await service.results(id, runId)];
    const powers = alone.probabilities.map((probability) => probability ** temperature);
    const own = Math.max(...powers) / powers.reduce((sum, power) => sum + power, 0);
    const [label, confidence] = lines[probe]!.split(',').slice(-2);
    expect(label).toBe(alone.label);
    expect(Number(confidence)).toBeCloseTo(own, 3);
    expect(Math.abs(temperature - 1)).toBeGreaterThan(0.01);
    expect(confidence).not.toBe(alone.confidence.toFixed(4));

    const early = watched(() => true);
    await expect(service.classifyFile(id, runId, largeFile(), early.listener, early.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await service.classify(id, runId, 'the service goes on');
  });
});
