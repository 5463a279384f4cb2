import { createEngine } from '../../engine/bert.ts';
import { nanoModel } from '../../engine/model/nano.ts';
import { createReferenceOperations } from '../../engine/reference/reference-operations.ts';
import { PrefixFiles } from '../prefix-files.ts';
import { expose } from '../remote.ts';

/** Files are written in dedicated workers alone. */
export interface PrefixFilesHost {
  use: PrefixFiles['use'];
  find: PrefixFiles['find'];
  keep: PrefixFiles['keep'];
}

const files = new PrefixFiles(createEngine(createReferenceOperations(), nanoModel(1).weights));
const host: PrefixFilesHost = {
  use: (grant) => files.use(grant),
  find: (layer, ids) => files.find(layer, ids),
  keep: (layer, ids, outputs) => files.keep(layer, ids, outputs),
};
expose(host);
