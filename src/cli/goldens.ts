/** `npm run -s goldens [-- <folder>]`: runs the reference files of a folder, those of the repository unless another is named, against the code, one JSON line a file. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runFolder } from './goldens/run-goldens.ts';
import { runCommand, usageError } from './run-command.ts';

const usage = 'npm run -s goldens [-- <folder with reference files>]';
const ownFolder = join(import.meta.dirname, '..', 'fixtures', 'goldens');

await runCommand(usage, async () => {
  const { positionals } = parseArgs({ allowPositionals: true, options: {} });
  const [folder = ownFolder] = positionals;
  if (positionals.length > 1) throw usageError(`Expected one folder at most, found ${positionals.length}.`, usage);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw usageError(`${folder} is not a folder.`, usage);
  const reports = await runFolder(folder, (report) => process.stdout.write(`${JSON.stringify(report)}\n`));
  if (reports.length === 0) throw usageError(`${folder} holds no reference file.`, usage);
  if (reports.some(({ failed }) => failed > 0)) process.exitCode = 1;
});
