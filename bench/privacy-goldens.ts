import { join } from 'node:path';
import type { FamilyReport } from '../src/cli/goldens/compare.ts';
import { runFile } from '../src/cli/goldens/run-goldens.ts';

interface Agreement {
  readonly entries: number;
  readonly passed: number;
  readonly failed: number;
  /** Over values that must be equal. */
  readonly worstAbsolute: number;
  readonly worstRelative: number;
  /** Where the relative error is large: of which value, and why it stands. */
  readonly reason?: string;
}

/** Relative errors from here on are explained. */
const LARGE_RELATIVE = 0.01;

function reasonOf({ worstRelative, worstRelativeAt: at }: FamilyReport): { readonly reason?: string } {
  if (worstRelative < LARGE_RELATIVE || at === null) return {};
  const error = Math.abs(at.found - at.expected);
  const held = at.isHeldAbsolutely ? 'the recorded value is so near 0 that the absolute tolerance decides' : 'within the relative tolerance of its field';
  return { reason: `${at.field}: found ${at.found.toPrecision(3)}, recorded ${at.expected.toPrecision(3)}, off by ${error.toPrecision(2)} of ${at.slack.toPrecision(2)} allowed: ${held}` };
}

/** Agreement with the reference libraries' recorded values, by family. */
export async function measureGoldens(): Promise<Readonly<Record<string, Agreement>>> {
  const folder = join(import.meta.dirname, '..', 'src', 'fixtures', 'goldens');
  const { families } = await runFile(join(folder, 'privacy.json'), folder);
  return Object.fromEntries(families.map((report) => {
    const { family, entries, passed, failed, worstAbsolute, worstRelative } = report;
    return [family, { entries, passed, failed, worstAbsolute, worstRelative, ...reasonOf(report) }];
  }));
}
