import { parseArgs } from 'node:util';
import { sampleCsv, sampleSentences } from '../data/sample.ts';
import { releasableBecause } from '../privacy/doors.ts';
import { runCommand } from './run-command.ts';
import { endWithReader, print } from './terminal.ts';

endWithReader();
await runCommand('npm run -s sample [-- --labels] > notes.csv', async () => {
  const { values } = parseArgs({ options: { labels: { type: 'boolean' } } });
  print(releasableBecause('public', values.labels === true ? `${JSON.stringify(sampleSentences, null, 2)}\n` : sampleCsv()));
});
