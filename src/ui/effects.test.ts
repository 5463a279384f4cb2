import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = import.meta.dirname;

/** Calls that act later, or whose own reads are no dependencies. */
const apart = new Set(['untrack', 'setTimeout', 'setInterval', 'tick']);
/** Of these what is given acts later; what they follow acts now: `verb().then(...)`. */
const following = new Set(['then', 'catch', 'finally']);
/** Verbs of these say something, whoever calls them, and read untracked what they write. */
const safe = /(^|\.)notices$/;

function nameOf(expression: ts.Expression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
}

/** The call that others follow: `verb()` of `verb().then(...)`, or the call itself. */
function startOf(call: ts.Expression): ts.Expression {
  return ts.isCallExpression(call) && ts.isPropertyAccessExpression(call.expression) && following.has(call.expression.name.text) ? startOf(call.expression.expression) : call;
}

/** What an effect starts in passing, `void verb()` or `void verb().then(...)`, where the verb's reads would become the effect's: with a verb that writes what it reads, it never ends. */
function trackedVerbs(script: string): string[] {
  const found: string[] = [];
  const within = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && apart.has(nameOf(node.expression))) return;
    if (ts.isVoidExpression(node)) {
      const start = startOf(node.expression);
      if (ts.isCallExpression(start) && !apart.has(nameOf(start.expression)) && !(ts.isPropertyAccessExpression(start.expression) && safe.test(start.expression.expression.getText()))) found.push(start.expression.getText());
    }
    // What follows acts later, and depends on nothing.
    if (ts.isExpression(node) && startOf(node) !== node) within(startOf(node));
    else ts.forEachChild(node, within);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === '$effect') node.arguments.forEach(within);
    else ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('script.ts', script, ts.ScriptTarget.ES2023, true));
  return found;
}

const scripts = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.svelte'))
  .map((entry) => join(entry.parentPath, entry.name))
  .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => ({ path: relative(root, path), script: match[1]! })));

it('what an effect starts in passing adds nothing to what the effect depends on', () => {
  const effects = scripts.filter(({ script }) => script.includes('$effect('));
  expect(effects.length).toBeGreaterThan(10);
  expect(effects.flatMap(({ path, script }) => trackedVerbs(script).map((verb) => `${path}: ${verb}`))).toEqual([]);
});

it('finds a verb that is started in the open, and no other', () => {
  expect(trackedVerbs('$effect(() => { if (id !== null) void project.loadResults(id); });')).toEqual(['project.loadResults']);
  expect(trackedVerbs('$effect(() => void project.load(id).then(() => (isLoaded = true)).finally(() => void project.rest()));')).toEqual(['project.load']);
  expect(trackedVerbs('$effect(() => { void tick().then(() => void app.visit(name)); void shown.then(() => void app.visit(name)); });')).toEqual([]);
  expect(trackedVerbs('$effect(() => { const timer = setInterval(() => void app.refreshSilence(), 2000); untrack(() => void project.loadResults(id)); void router.visit; });')).toEqual([]);
});
