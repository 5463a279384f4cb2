import { describe, expect, it, onTestFinished } from 'vitest';
import { linkWorker, proxy, type WorkerLink } from './remote.ts';
import { startModuleWorker } from './start-worker.ts';
import type { TableService } from './table-service.ts';
import tableUrl from './table.worker.ts?worker&url';

async function startTable(): Promise<WorkerLink<TableService>> {
  const link = await linkWorker<TableService>(startModuleWorker(tableUrl, 'table'), 'tables');
  onTestFinished(() => link.terminate());
  return link;
}

function csv(rows: number): File {
  const lines = ['note,kind'];
  for (let row = 0; row < rows; row++) lines.push(`"patient ${row} reports pain, worse at night ${'and day '.repeat(20)}",${row % 2 ? 'pain' : 'sleep'}`);
  return new File([lines.join('\n')], 'notes.csv', { type: 'text/csv' });
}

describe('the table worker', () => {
  it('reads a file into a project, and confirms its columns', async () => {
    const { call } = await startTable();
    const progress: number[] = [];
    const id = await call((remote) => remote.readFile(csv(20_000), proxy(({ done, total }) => progress.push(done / total))));
    expect(progress.length).toBeGreaterThan(1);
    expect(progress.at(-1)).toBe(1);
    const preview = await call((remote) => remote.preview(id));
    expect(preview).toMatchObject({ rowCount: 20_000, table: { header: ['note', 'kind'], format: 'csv' } });
    expect(preview.columns.map(({ role }) => role)).toEqual(['text', 'label']);
    const view = await call((remote) => remote.setColumns(id, { note: 'text', kind: 'label' }));
    expect(view).toMatchObject({ noteCount: 20_000, labels: ['pain', 'sleep'] });
    expect(view.firstNotes.length).toBeLessThan(100);
    await call((remote) => remote.deleteProject(id));
    await expect(call((remote) => remote.readProject(id))).rejects.toMatchObject({ code: 'storage/missing', family: 'storage' });
  });

  it('stops reading when asked, and saves nothing', async () => {
    const { call } = await startTable();
    const before = (await call((remote) => remote.listProjects())).length;
    let cancelling: Promise<void> | null = null;
    const reading = call((remote) => remote.readFile(csv(60_000), proxy(() => void (cancelling ??= call((again) => again.cancelRead())))));
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    expect((await call((remote) => remote.listProjects())).length).toBe(before);
  });

  it('keeps nothing of a file that is cancelled when it has just been read', async () => {
    const { call } = await startTable();
    const before = (await call((remote) => remote.listProjects())).length;
    const reading = call((remote) => remote.readFile(csv(60_000), proxy(({ done, total }) => { if (done === total) void call((again) => again.cancelRead()); })));
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    expect((await call((remote) => remote.listProjects())).length).toBe(before);
  });

  it('says what is wrong with a file that is no table, in words of ours', async () => {
    const { call } = await startTable();
    await expect(call((remote) => remote.readFile(new File(['%PDF-1.7 ...'], 'notes.csv'), proxy(() => undefined)))).rejects.toMatchObject({ name: 'BedsideError', family: 'input' });
  });

  it('rejects calls once it has been killed', async () => {
    const link = await startTable();
    const reading = link.call((remote) => remote.readFile(csv(60_000), proxy(() => undefined)));
    link.terminate();
    await expect(reading).rejects.toMatchObject({ code: 'device/worker-died', family: 'device' });
    await expect(link.call((remote) => remote.listProjects())).rejects.toMatchObject({ code: 'device/worker-died' });
    expect(link.isDead).toBe(true);
  });
});
