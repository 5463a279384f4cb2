import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { layers, type Layer } from './architecture.ts';

const root = import.meta.dirname;

interface Import {
  readonly from: string;
  readonly target: string;
  readonly isTypeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|svelte)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    // AssemblyScript, which asc compiles.
    .filter((path) => !path.includes('/assembly/') && !/\/operations\/[^/]+\/wasm\.ts$/.test(path));
}

/** The script parts of a file; a component's markup imports nothing. */
function scriptText(path: string, text: string): string {
  return path.endsWith('.svelte') ? [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]).join('\n') : text;
}

/** Static, dynamic and `new URL(…, import.meta.url)` imports of a module. */
function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const source = ts.createSourceFile(path, scriptText(path, text), ts.ScriptTarget.ES2023, true);
  const add = (target: string, isTypeOnly: boolean) => found.push({ from: path, target, isTypeOnly });
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const clause = node.importClause;
      const named = clause?.namedBindings && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : undefined;
      const isTypeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || (named !== undefined && clause?.name === undefined && named.length > 0 && named.every((element) => element.isTypeOnly));
      add(node.moduleSpecifier.text, isTypeOnly);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) add(argument.text, false);
      else throw new Error(`${relative(root, path)} imports a computed name; the layers cannot be held to it.`);
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'URL' && node.arguments?.[1]?.getText() === 'import.meta.url') {
      const argument = node.arguments[0]!;
      if (ts.isStringLiteral(argument) && argument.text.endsWith('.ts')) add(argument.text, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const layerOf = (path: string): Layer | undefined => layers.find((layer) => relative(root, path).startsWith(`${layer.name}/`));

/** Why an import breaks the table, or null. */
function violation(layer: Layer, item: Import): string | null {
  const target = item.target.replace(/\?.*$/, '');
  if (target.startsWith('.')) {
    const resolved = resolve(dirname(item.from), target);
    const other = layerOf(resolved);
    if (other === undefined) return relative(root, resolved).startsWith('fixtures/') ? `${layer.name} imports a test fixture` : `${layer.name} imports ${relative(root, resolved)}, which is in no layer`;
    if (other === layer || layer.mayImport.includes(other.name)) return null;
    if (layer.mayImportFiles?.includes(relative(root, resolved))) return null;
    if (item.isTypeOnly && layer.mayImportTypesOf?.includes(other.name)) return null;
    return `${layer.name} may not import ${item.isTypeOnly ? 'types of ' : ''}${other.name} (${relative(root, item.from)})`;
  }
  if (target.startsWith('node:')) return layer.packages?.includes('node') ? null : `${layer.name} may not import ${target} (${relative(root, item.from)})`;
  const name = target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/');
  return layer.packages?.includes(name) || item.isTypeOnly ? null : `${layer.name} may not import the package ${name} (${relative(root, item.from)})`;
}

const isTest = (path: string) => /\.(test|browser\.test)\.ts$/.test(path) || relative(root, path).includes('/testing/');
const productFiles = sourceFiles(root).filter((path) => layerOf(path) && !isTest(path));
const imports = productFiles.flatMap((path) => importsOf(path, readFileSync(path, 'utf8')));

describe('the layers', () => {
  for (const layer of layers) {
    it(`${layer.name} imports only what its row allows`, () => {
      const broken = imports.filter((item) => layerOf(item.from) === layer).map((item) => violation(layer, item)).filter((text) => text !== null);
      expect(broken).toEqual([]);
    });

    it(`a planted import is caught in ${layer.name}`, () => {
      const path = join(root, layer.name, 'planted.ts');
      const forbidden = layers.find((other) => other !== layer && !layer.mayImport.includes(other.name))!;
      const planted = importsOf(path, `export const load = () => import('../${forbidden.name}/anything.ts');\nimport left from 'left-pad';`);
      expect(planted.map((item) => violation(layer, item)).filter((text) => text !== null)).toHaveLength(2);
    });
  }

  it('have no import cycle', () => {
    const edges = new Map<string, string[]>();
    for (const item of imports) {
      if (item.isTypeOnly || !item.target.startsWith('.')) continue;
      const target = resolve(dirname(item.from), item.target.replace(/\?.*$/, ''));
      edges.set(item.from, [...(edges.get(item.from) ?? []), target]);
    }
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].map((name) => relative(root, name)).join(' -> '));
      else if (!done.has(path)) {
        for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
        done.add(path);
      }
    };
    for (const path of edges.keys()) walk(path, []);
    expect(cycles).toEqual([]);
  });

  it('leave no module outside the table', () => {
    const outside = sourceFiles(root).filter((path) => !layerOf(path) && !isTest(path)).map((path) => relative(root, path));
    expect(outside.sort()).toEqual(['architecture.ts', 'main.ts'].filter((name) => outside.includes(name)));
  });
});

/** Names a layer without globals may not use; the type check without DOM types holds the rest. */
const globalNames = ['document', 'window', 'navigator', 'localStorage', 'indexedDB', 'caches', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Worker', 'self', 'globalThis', 'process', 'crypto', 'console', 'Date', 'setTimeout', 'performance', 'WebAssembly', 'TextDecoder', 'TextEncoder'];
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'engine/webgpu/device.ts': ['navigator', 'globalThis', 'self'],
  'engine/wasm/module.ts': ['WebAssembly', 'globalThis'],
  'federation/transport.ts': ['fetch'],
};

/** Free names of a module that are browser or Node globals. */
function globalsUsed(path: string, text: string): string[] {
  const used = new Set<string>();
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && globalNames.includes(node.text)) {
      const { parent } = node;
      const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node;
      const isName = 'name' in parent && parent.name === node && !ts.isShorthandPropertyAssignment(parent);
      const isType = ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent);
      if (!isMember && !isName && !isType) used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...used];
}

describe('the layers without globals', () => {
  const pure = ['ground', 'privacy', 'fairness', 'metrics', 'energy', 'data', 'engine', 'training', 'federation'];
  for (const name of pure) {
    it(`${name} touches none`, () => {
      const touched = productFiles
        .filter((path) => layerOf(path)?.name === name && path.endsWith('.ts'))
        .flatMap((path) => {
          const allowed = exceptions[relative(root, path)] ?? [];
          return globalsUsed(path, readFileSync(path, 'utf8')).filter((used) => !allowed.includes(used)).map((used) => `${relative(root, path)}: ${used}`);
        });
      expect(touched).toEqual([]);
    });
  }

  it('a planted global is caught', () => {
    expect(globalsUsed('planted.ts', 'export const now = () => Date.now() + performance.now();')).toEqual(['Date', 'performance']);
  });
});
