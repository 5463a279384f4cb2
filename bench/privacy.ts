/**
 * `npm run bench -- privacy [--only <section>]`: what the privacy parts are measured by. A section is one file with a function that returns numbers;
 * its result replaces that section of `bench/results/privacy.json` and leaves the others.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineInWords } from './machine.ts';

const sections: Readonly<Record<string, () => Promise<unknown>>> = {
  goldens: async () => (await import('./privacy-goldens.ts')).measureGoldens(),
  accountants: async () => (await import('./privacy-accountants.ts')).measureAccountants(),
  noise: async () => (await import('./privacy-noise.ts')).noiseBench(),
  edits: async () => (await import('./privacy-edits.ts')).editsBench(),
};

export async function run(args: readonly string[]): Promise<void> {
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
  const names = Object.keys(sections).filter((name) => only === undefined || name === only);
  if (names.length === 0) throw new Error(`Expected a section, one of ${Object.keys(sections).join(', ')}; found ${only ?? 'none'}.`);
  const folder = join(import.meta.dirname, 'results');
  const file = join(folder, 'privacy.json');
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const result = { machine: machineInWords(), results: await sections[name]!() };
    console.log(name, JSON.stringify(result, null, 2));
    const known: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    writeFileSync(file, `${JSON.stringify({ ...(known as object), [name]: result }, null, 2)}\n`);
  }
}
