import { parseArgs } from 'node:util';
import { sampleCsv, sampleSentences } from '../data/sample.ts';
import { runCommand } from './run-command.ts';

// A reader that has seen enough, as `head`, closes the pipe: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
await runCommand('npm run -s sample [-- --labels] > notes.csv', async () => {
  const { values } = parseArgs({ options: { labels: { type: 'boolean' } } });
  process.stdout.write(values.labels === true ? `${JSON.stringify(sampleSentences, null, 2)}\n` : sampleCsv());
});
