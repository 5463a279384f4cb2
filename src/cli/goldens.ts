/** `npm run -s goldens [-- <folder>]`: runs the reference files of a folder, those of the repository unless another is named, against the code: one JSON line a file, and the same in a sentence on standard error. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runFolder, type FileReport } from './goldens/run-goldens.ts';
import { runCommand, usageError } from './run-command.ts';
import { say } from './terminal.ts';

const usage = 'npm run -s goldens [-- <folder with reference files>]';
const ownFolder = join(import.meta.dirname, '..', 'fixtures', 'goldens');

function inWords({ file, entries, passed, failed, noKeptRun }: FileReport): string {
  const rest = [failed > 0 ? `${failed} DIFFER` : '', noKeptRun > 0 ? `of ${noKeptRun} recipes no run is kept` : ''].filter((part) => part !== '');
  return [`${file}: ${passed} of ${entries} agree`, ...rest].join(', ');
}

await runCommand(usage, async () => {
  const { positionals } = parseArgs({ allowPositionals: true, options: {} });
  const [folder = ownFolder] = positionals;
  if (positionals.length > 1) throw usageError(`Expected one folder at most, found ${positionals.length}.`, usage);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw usageError(`${folder} is not a folder.`, usage);
  const reports = await runFolder(folder, (report) => {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    say(inWords(report));
  });
  if (reports.length === 0) throw usageError(`${folder} holds no reference file.`, usage);
  const differing = reports.filter(({ failed }) => failed > 0);
  say(differing.length === 0 ? 'Everything that was compared agrees.' : `Values of ${differing.map(({ file }) => file).join(', ')} differ from their references: the first are under "firstFailures".`);
  if (differing.length > 0) process.exitCode = 1;
});
