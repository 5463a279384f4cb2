import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { en } from './en.ts';
import { zh } from './zh.ts';

/** One place that makes an error: its code, and the names of the values that go along; null where they cannot be read from the source. */
interface Thrown {
  readonly code: string;
  readonly file: string;
  readonly values: readonly string[] | null;
}

/** A function that makes errors of a code it is given: which parameter, and what is put around it. */
interface Maker {
  readonly name: string;
  readonly parameter: number;
  readonly around: readonly [string, string];
  readonly values: readonly string[] | null;
}

/** Codes without words of a page, and why. */
const wordless: readonly { readonly matches: (thrown: Thrown) => boolean; readonly why: string }[] = [
  { matches: ({ file }) => file.startsWith('cli/'), why: 'the command line speaks English' },
];
/** Places that pass on a code they were given, and why that is no code of their own. */
const passedOn: Readonly<Record<string, string>> = {
  'ground/errors.ts': 'gives an error that crossed a port its class back',
  'cli/system-errors.ts': 'names its codes after the system\'s own, and the command line speaks English',
};

const source = join(import.meta.dirname, '../..');

function sourceFiles(): readonly ts.SourceFile[] {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => /\.(ts|svelte)$/.test(path) && !/\.test\.ts$|\.d\.ts$|\/(testing|fixtures)\//.test(path))
    .map((path) => {
      const text = readFileSync(path, 'utf8');
      const script = path.endsWith('.svelte') ? [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]).join('\n') : text;
      return ts.createSourceFile(relative(source, path), script, ts.ScriptTarget.ESNext, true);
    });
}

function each(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => each(child, visit));
}

/** The texts that an expression may come to, where they stand in the source; null where they do not. */
function textsOf(node: ts.Expression | undefined): readonly string[] | null {
  if (!node) return null;
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) {
    const [a, b] = [textsOf(node.whenTrue), textsOf(node.whenFalse)];
    return a && b && [...a, ...b];
  }
  return ts.isParenthesizedExpression(node) ? textsOf(node.expression) : null;
}

function keysOf(node: ts.Expression | undefined): readonly string[] | null {
  if (!node) return [];
  if (!ts.isObjectLiteralExpression(node)) return null;
  const keys = node.properties.map((property) => (ts.isPropertyAssignment(property) || ts.isShorthandPropertyAssignment(property) ? property.name.getText() : null));
  return keys.some((key) => key === null) ? null : keys.map((key) => key!.replace(/['"]/g, ''));
}

/** The function around a node that takes `name` as a parameter. */
function makerOf(node: ts.Node, name: string, around: readonly [string, string], values: readonly string[] | null): Maker | null {
  for (let at: ts.Node | undefined = node.parent; at; at = at.parent) {
    if (!(ts.isFunctionDeclaration(at) || ts.isArrowFunction(at) || ts.isFunctionExpression(at))) continue;
    const parameter = at.parameters.findIndex((one) => ts.isIdentifier(one.name) && one.name.text === name);
    if (parameter < 0) continue;
    const own = ts.isFunctionDeclaration(at) ? at.name?.text : ts.isVariableDeclaration(at.parent) && ts.isIdentifier(at.parent.name) ? at.parent.name.text : undefined;
    return own ? { name: own, parameter, around, values } : null;
  }
  return null;
}

function collect(files: readonly ts.SourceFile[]): { readonly thrown: readonly Thrown[]; readonly unread: readonly string[] } {
  const thrown: Thrown[] = [];
  const makers: Maker[] = [];
  const unread: string[] = [];
  for (const file of files) {
    each(file, (node) => {
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'code' && ts.isStringLiteralLike(node.initializer) && /^[a-z-]+\/[a-z-]+$/.test(node.initializer.text)) thrown.push({ code: node.initializer.text, file: file.fileName, values: null });
      if (!(ts.isNewExpression(node) && node.expression.getText() === 'BedsideError')) return;
      const [code, , , , given] = node.arguments ?? [];
      const values = keysOf(given);
      const texts = textsOf(code);
      if (texts) return texts.forEach((text) => thrown.push({ code: text, file: file.fileName, values }));
      const isTemplate = code && ts.isTemplateExpression(code) && code.templateSpans.length === 1;
      const inner = isTemplate ? code.templateSpans[0]!.expression : code;
      const maker = inner && ts.isIdentifier(inner) ? makerOf(node, inner.text, isTemplate ? [code.head.text, code.templateSpans[0]!.literal.text] : ['', ''], values) : null;
      if (maker) makers.push(maker);
      else unread.push(file.fileName);
    });
  }
  for (const maker of makers) {
    for (const file of files) {
      each(file, (node) => {
        if (!(ts.isCallExpression(node) && node.expression.getText() === maker.name)) return;
        const texts = textsOf(node.arguments[maker.parameter]);
        if (!texts) unread.push(file.fileName);
        else texts.forEach((text) => thrown.push({ code: maker.around[0] + text + maker.around[1], file: file.fileName, values: maker.values && node.arguments.length <= 4 ? maker.values : null }));
      });
    }
  }
  return { thrown, unread };
}

const files = sourceFiles();
const { thrown, unread } = collect(files);
const shown = thrown.filter((one) => !wordless.some(({ matches }) => matches(one)));
const codes = [...new Set(shown.map(({ code }) => code))].sort();

describe('every error that a page may show', () => {
  it('has a code that stands in the source', () => {
    expect(unread.filter((file) => !(file in passedOn))).toEqual([]);
    expect(Object.keys(passedOn).filter((file) => !unread.includes(file))).toEqual([]);
    expect(codes.length).toBeGreaterThan(100);
    // One of each way of making one: plainly, by a helper in the file, by one of another file, by a template, in a message.
    expect(['storage/closed', 'training/one-class', 'model/safetensors', 'data/label-column', 'device/worker-died'].filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('is translated; English comes with the error itself', () => {
    expect(codes.filter((code) => zh.codes.errors[code] === undefined)).toEqual([]);
    // Where English words are given all the same, the code must be one.
    expect(Object.keys(en.codes.errors).filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('brings the values that its translation asks for', () => {
    let askedFor = 0;
    const missing = shown.flatMap(({ code, file, values }) => {
      const words = zh.codes.errors[code];
      if (!words || !values) return [];
      const asked = new Set<string>();
      words(new Proxy({}, { get: (_, name) => (asked.add(String(name)), 1), has: () => true }));
      askedFor += asked.size;
      return [...asked].filter((name) => !values.includes(name)).map((name) => `${file}: ${code} without ${name}`);
    });
    expect(missing).toEqual([]);
    expect(askedFor).toBeGreaterThan(20);
  });

  it('names each term and part of a federation’s task in the language of the page', () => {
    const named = files.flatMap(({ text }) => [...text.matchAll(/(unfitTask|beyondTask|beyondAgreement)\('([^']+)'/g)].map(([, maker, name]) => [maker!, name!] as const));
    expect(named.length).toBeGreaterThan(15);
    const codeOf: Readonly<Record<string, string>> = { unfitTask: 'training/federated-task', beyondTask: 'training/federated-terms', beyondAgreement: 'federation/beyond-agreement' };
    const english = [...named, ...Object.keys(zh.federation.audit.terms).map((term) => ['beyondAgreement', term] as const)].filter(([maker, name]) => {
      const { message } = zh.codes.errors[codeOf[maker]!]!({ what: name, term: name, agreed: 'at most 3', asked: 'finite numbers', expected: '1', found: '2' });
      return /[a-z]/.test(message);
    });
    expect(english).toEqual([]);
  });

  it('is told from the planted ones', () => {
    const planted = ts.createSourceFile('a.ts', "const odd = (code: string) => new BedsideError(`x/${code}`, 'input', '', '', { n: 1 }); odd('one'); odd(name); throw new BedsideError(y ? 'x/two' : 'x/three', 'input', '', '');", ts.ScriptTarget.ESNext, true);
    const found = collect([planted]);
    expect(found.thrown.map(({ code, values }) => [code, values])).toEqual([['x/two', []], ['x/three', []], ['x/one', ['n']]]);
    expect(found.unread).toEqual(['a.ts']);
  });
});

describe('translations of errors', () => {
  it('are of codes that there are', () => {
    const known = new Set(thrown.map(({ code }) => code));
    expect(Object.keys(zh.codes.errors).filter((code) => !known.has(code))).toEqual([]);
  });

  it('speak of every build that computes, in every language', () => {
    const names = files.flatMap((file) => (/^engine\/(wasm|reference)\/\w*-?operations\.ts$/.test(file.fileName) ? [...file.text.matchAll(/device: (?:.*\? )?'([^']+)'(?: : '([^']+)')?/g)].flatMap((match) => [match[1], match[2]]) : [])).filter((name) => name !== undefined);
    expect(names.length).toBeGreaterThan(2);
    for (const words of [en, zh]) expect(names.filter((name) => words.codes.devices[name] === undefined)).toEqual([]);
  });

  it('speak of every operation that a self-check names, in every language', () => {
    const names = new Set(files.flatMap((file) => (/^engine\/operations\/[\w-]+\/cases\.ts$/.test(file.fileName) ? [...file.text.matchAll(/(?:operation: |mapCase\()'([^']+)'/g)].map((match) => match[1]!) : [])));
    expect(names).toContain('dense.linearGradient');
    expect(names.size).toBeGreaterThan(25);
    for (const words of [en, zh]) expect([...names].filter((name) => words.codes.operations[name] === undefined)).toEqual([]);
  });
});
