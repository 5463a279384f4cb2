import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { toldFields } from './testing/told-fields.ts';
import { FaceReader, type ToldTypes } from './testing/told-types.ts';

const faces = [['shell/guard-service.ts', 'GuardService'], ['shell/trainer-service.ts', 'TrainerHost'], ['shell/table-service.ts', 'TableService']] as const;
const messages = [['ground/errors.ts', 'PlainError'], ['shell/request-log.ts', 'RequestLog']] as const;
const trainerFile = 'shell/trainer-service.ts';

let toPage: readonly ToldTypes[];
let toGuard: ToldTypes;
// Reads the types of half the source.
beforeAll(() => {
  const reader = new FaceReader([...faces, ...messages].map(([file]) => file));
  toPage = [...faces.map(([file, face]) => reader.told(file, face)), ...messages.map(([file, name]) => reader.message(file, name))];
  toGuard = reader.told(trainerFile, 'GuardedTrainer');
}, 300_000);

const wordsOf = (fields: object): readonly string[] => Object.values(fields).flatMap((names: unknown) => (typeof names === 'string' ? names.split(' ') : []));

/** What each worker exposes, and the line that holds it to its face. The trainer's second face is for the guard, over a port of their own. */
const workers: Readonly<Record<string, { readonly exposes: readonly string[]; readonly face: string }>> = {
  'shell/guard.worker.ts': { exposes: ['service'], face: 'const service: GuardService = {' },
  'shell/table.worker.ts': { exposes: ['service'], face: 'const service: TableService = {' },
  'shell/trainer.worker.ts': { exposes: ['guardedTrainer', 'host'], face: 'const host: TrainerHost = {' },
};

describe('what workers tell the page', () => {
  it('is told by these faces alone', () => {
    const source = join(import.meta.dirname, '..');
    const text = new Map(readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !/\.test\.ts$|testing\//.test(name)).map((name) => [name, readFileSync(join(source, name), 'utf8')]));
    const exposed = [...text].map(([name, code]) => [name, [...code.matchAll(/\bexpose\((\w+)/g)].map((match) => match[1]!)] as const).filter(([, names]) => names.length > 0);
    expect(Object.fromEntries(exposed)).toEqual(Object.fromEntries(Object.entries(workers).map(([name, { exposes }]) => [name, exposes])));
    for (const [name, { face }] of Object.entries(workers)) expect(text.get(name), name).toContain(face);
  });

  it('is on the list, field by field, and the list has nothing else', () => {
    const told: Record<string, Set<string>> = {};
    for (const { fields } of toPage) for (const [name, names] of fields) for (const field of names) (told[name] ??= new Set()).add(field);
    const sorted = (types: Readonly<Record<string, Iterable<string>>>) => Object.fromEntries(Object.entries(types).map(([name, names]) => [name, [...names].sort()]));
    expect(sorted(told)).toEqual(sorted(Object.fromEntries(Object.entries(toldFields).map(([name, fields]) => [name, wordsOf(fields)]))));
    expect(Object.values(told).reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(700);
  });

  it('gives each field one class', () => {
    for (const [name, fields] of Object.entries(toldFields)) expect(new Set(wordsOf(fields)).size, name).toBe(wordsOf(fields).length);
  });

  it('is never an array as the engine has them, but the public directions of a federation', () => {
    expect([...new Set(toPage.flatMap(({ arrays }) => [...arrays]))].sort()).toEqual(['TaskProjection.directions']);
  });

  it('is nothing of what trainers tell the guard of notes', () => {
    // Their sums, logits and parameters are arrays, or types of their own.
    expect(toGuard.arrays.size).toBeGreaterThan(0);
    const shared = [...toGuard.fields.keys()].filter((name) => toPage.some(({ fields }) => fields.has(name))).sort();
    expect(shared).toEqual(['CheckedDevice', 'RefusedBackend']);
    expect(toGuard.fields.size).toBeGreaterThan(shared.length);
  });
});
