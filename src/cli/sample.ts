import { sampleCsv } from '../data/sample.ts';

process.stdout.write(sampleCsv());
