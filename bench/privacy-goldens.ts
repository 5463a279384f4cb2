import { join } from 'node:path';
import { runFile } from '../src/cli/goldens/run-goldens.ts';

interface Agreement {
  readonly entries: number;
  readonly passed: number;
  readonly failed: number;
  /** Over values that must be equal. */
  readonly worstAbsolute: number;
  readonly worstRelative: number;
}

/** Agreement with the reference libraries' recorded values, by family. */
export async function measureGoldens(): Promise<Readonly<Record<string, Agreement>>> {
  const folder = join(import.meta.dirname, '..', 'src', 'fixtures', 'goldens');
  const { families } = await runFile(join(folder, 'privacy.json'), folder);
  return Object.fromEntries(families.map(({ family, entries, passed, failed, worstAbsolute, worstRelative }) => [family, { entries, passed, failed, worstAbsolute, worstRelative }]));
}
