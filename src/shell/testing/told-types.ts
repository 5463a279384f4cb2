/** Reads from the types of a worker's face everything that it can tell whoever asks: what its calls resolve to, and what its callbacks are given. */
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '..', '..', '..');

export interface ToldTypes {
  /** Fields of each type of ours that is told, by its name; a type without one goes by where it stands. Union members of one name are taken together. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>;
  /** Fields that hold an array of numbers as the engine has them, as `Type.field`. */
  readonly arrays: ReadonlySet<string>;
}

/** The faces of one program, which is read once. */
export class FaceReader {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  /** `files`: paths below `src`. */
  constructor(files: readonly string[]) {
    const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config, ts.sys, root);
    this.#program = ts.createProgram(files.map((file) => join(root, 'src', file)), { ...options, noEmit: true });
    this.#checker = this.#program.getTypeChecker();
  }

  /** All that the calls of an interface tell. */
  told(file: string, face: string): ToldTypes {
    const telling = new Telling(this.#checker);
    for (const property of this.#checker.getPropertiesOfType(this.#typeOf(file, face))) {
      const type = this.#checker.getTypeOfSymbol(property);
      const signatures = type.getCallSignatures();
      if (signatures.length === 0) telling.add(type);
      for (const signature of signatures) {
        telling.add(signature.getReturnType());
        for (const parameter of signature.parameters) for (const callback of this.#checker.getTypeOfSymbol(parameter).getCallSignatures()) for (const given of callback.parameters) telling.add(this.#checker.getTypeOfSymbol(given));
      }
    }
    return telling;
  }

  /** All that one message tells. */
  message(file: string, name: string): ToldTypes {
    const telling = new Telling(this.#checker);
    telling.add(this.#typeOf(file, name));
    return telling;
  }

  #typeOf(file: string, name: string): ts.Type {
    const source = this.#program.getSourceFile(join(root, 'src', file));
    const module = source && this.#checker.getSymbolAtLocation(source);
    const symbol = module && this.#checker.getExportsOfModule(module).find((one) => one.name === name);
    if (!symbol) throw new Error(`${file} exports no ${name}.`);
    return this.#checker.getDeclaredTypeOfSymbol(symbol);
  }
}

class Telling implements ToldTypes {
  readonly fields = new Map<string, Set<string>>();
  readonly arrays = new Set<string>();
  readonly #checker: ts.TypeChecker;
  readonly #seen = new Set<ts.Type>();

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker;
  }

  add(type: ts.Type, at = ''): void {
    if (/^(?:Float|Int|Uint|BigInt|BigUint)\d+(?:Clamped)?Array$|^ArrayBuffer$/.test(type.symbol?.name ?? '')) this.arrays.add(at);
    if (this.#seen.has(type)) return;
    if (type.isUnionOrIntersection()) for (const part of type.types) this.add(part, at);
    for (const argument of argumentsOf(this.#checker, type)) this.add(argument, at);
    const symbol = type.symbol as ts.Symbol | undefined;
    const declaration = symbol?.declarations?.find((one) => one.getSourceFile().fileName.startsWith(join(root, 'src')));
    if (!declaration || !(type.flags & ts.TypeFlags.Object)) return;
    this.#seen.add(type);
    const name = nameOf(declaration);
    const fields = this.fields.get(name) ?? new Set();
    this.fields.set(name, fields);
    for (const property of this.#checker.getPropertiesOfType(type)) {
      // The marks of `doors.ts` are of no value.
      if (property.name.startsWith('__@')) continue;
      fields.add(property.name);
      this.add(this.#checker.getTypeOfSymbol(property), `${name}.${property.name}`);
    }
  }
}

/** Type arguments of a type and of the name it goes by: elements of arrays, values of records, results of promises. */
function argumentsOf(checker: ts.TypeChecker, type: ts.Type): readonly ts.Type[] {
  const isReference = (type.flags & ts.TypeFlags.Object) !== 0 && ((type as ts.ObjectType).objectFlags & ts.ObjectFlags.Reference) !== 0;
  const index = checker.getIndexInfosOfType(type).filter(() => !isReference).map((info) => info.type);
  return [...(isReference ? checker.getTypeArguments(type as ts.TypeReference) : []), ...(type.aliasTypeArguments ?? []), ...index].filter((argument) => argument !== type);
}

/** Of a type that has no name: the names of what it stands in. */
function nameOf(declaration: ts.Declaration): string {
  const names: string[] = [];
  for (let node: ts.Node = declaration; !ts.isSourceFile(node); node = node.parent) {
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isClassDeclaration(node)) return [node.name?.text ?? '', ...names].join('.');
    if ((ts.isPropertySignature(node) || ts.isMethodSignature(node)) && ts.isIdentifier(node.name)) names.unshift(node.name.text);
  }
  return names.join('.');
}
