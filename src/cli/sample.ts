import { parseArgs } from 'node:util';
import { sampleCsv } from '../data/sample.ts';
import { runCommand } from './run-command.ts';

// A reader that has seen enough, as `head`, closes the pipe: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
await runCommand('npm run -s sample > notes.csv', async () => {
  parseArgs({ options: {} });
  process.stdout.write(sampleCsv());
});
