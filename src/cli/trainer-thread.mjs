// Node 20 does not hand `--import tsx` on to worker threads: this file registers it and goes on in TypeScript.
import { register } from 'tsx/esm/api';

register();
await import('./trainer.worker.ts');
