import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { engineFiles, goldenFile, manifestFile } from '../engine/model/manifest.ts';
import { modelError } from '../engine/model/model-error.ts';
import { releasableBecause } from '../privacy/doors.ts';
import { folderWithGolden, quantizedFolder } from './model-folder.ts';
import { runCommand, usageError } from './run-command.ts';
import { print } from './terminal.ts';

const usage = 'npm run model -- add <folder> [--name NAME] [--origin TEXT] [--into FOLDER], or npm run model -- golden <model folder>';
const project = join(import.meta.dirname, '..', '..');

async function readFolder(folder: string, more: readonly string[] = []): Promise<Map<string, Uint8Array>> {
  if (!existsSync(folder)) throw modelError('no-folder', `There is no folder ${folder}.`, 'Check the path.', { folder });
  const files = new Map<string, Uint8Array>();
  for (const name of [...engineFiles, 'LICENSE', 'README.md', ...more]) {
    const path = join(folder, name);
    if (existsSync(path)) files.set(name, await readFile(path));
  }
  return files;
}

/** Writes beside the target and renames, so that a folder is there whole or not at all. */
async function writeFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(unfinished, name), bytes);
  await rename(unfinished, folder);
}

async function add(folder: string, options: { name?: string | undefined; origin?: string | undefined; into?: string | undefined }): Promise<void> {
  const name = options.name ?? basename(resolve(folder));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw usageError('A model name has letters, digits, dots, dashes and underscores.', usage);
  const target = join(options.into ?? join(project, 'models'), name);
  if (existsSync(target)) throw modelError('exists', `${target} exists already.`, 'Remove it, or give another --name.', { target });
  const files = await quantizedFolder(await readFolder(folder), { name, origin: options.origin ?? name }, await readFile(join(project, 'LICENSE')));
  await writeFolder(target, files);
  const sizeBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  print(releasableBecause('public', `${target}: ${files.size} files, ${(sizeBytes / 1e6).toFixed(1)} MB\n`));
}

/** Gives a folder that an older version made the answers that devices are held to. */
async function addGolden(folder: string): Promise<void> {
  const files = await folderWithGolden(await readFolder(folder, [manifestFile]));
  for (const name of [goldenFile, 'README.md', manifestFile]) await writeFile(join(folder, name), files.get(name)!);
  print(releasableBecause('public', `${join(folder, goldenFile)}: ${((files.get(goldenFile)?.length ?? 0) / 1e3).toFixed(1)} kB\n`));
}

await runCommand(usage, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' }, origin: { type: 'string' }, into: { type: 'string' } },
  });
  const [verb, folder, ...rest] = positionals;
  if ((verb !== 'add' && verb !== 'golden') || folder === undefined || rest.length > 0) throw usageError('Expected the verb "add" or "golden" and one folder.', usage);
  if (verb === 'golden') await addGolden(folder);
  else await add(folder, values);
});
